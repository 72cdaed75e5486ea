/** What is stored is not what this encoding makes: it was cut, changed, or never was. Of the file, not of the machine. */
export class Undecodable extends Error {
  override readonly name = 'Undecodable'
}
