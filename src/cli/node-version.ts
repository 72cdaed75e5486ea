/** As `engines` in package.json says. */
const NODE_MAJOR_MIN = 24

/**
 * Ends the process with a plain sentence where Node is too old, which would end with a syntax error somewhere
 * inside of us. This module and those that import it at once must be readable for such a Node.
 */
export function refuseOldNode(): void {
  const { node } = process.versions
  if (Number(node.split('.')[0]) >= NODE_MAJOR_MIN) return
  console.error(`Error: Node ${node} is too old for Chame Backup: ${process.execPath}`)
  console.error(`Run it with Node ${NODE_MAJOR_MIN} or newer: https://nodejs.org`)
  process.exit(1)
}
