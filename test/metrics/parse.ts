/** A strict reader of Prometheus's text format 0.0.4: whatever is not exactly of its grammar throws. */
export interface ParsedMetric {
  readonly help: string
  readonly type: string
  readonly samples: { readonly labels: Record<string, string>; readonly value: number }[]
}

const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/

export function parseMetrics(text: string): Map<string, ParsedMetric> {
  if (!text.endsWith('\n')) throw new Error('The last line is not ended')
  const metrics = new Map<string, ParsedMetric>()
  const seen = new Set<string>()
  let name = ''
  const lines = text.slice(0, -1).split('\n')
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line)
    if (help !== null) {
      name = help[1] ?? ''
      const type = /^# TYPE (\S+) (gauge|counter)$/.exec(lines[++at] ?? '')
      if (type?.[1] !== name || metrics.has(name)) throw new Error(`Not one HELP and TYPE: ${name}`)
      metrics.set(name, { help: help[2] ?? '', type: type[2] ?? '', samples: [] })
      continue
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/s.exec(line)
    if (sample?.[1] !== name || seen.has(line.replace(/ \S+$/, '')))
      throw new Error(`Not a sample of ${name}: ${line}`)
    seen.add(line.replace(/ \S+$/, ''))
    metrics.get(name)?.samples.push({ labels: parseLabels(sample[2] ?? ''), value: Number(sample[3]) })
  }
  return metrics
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (let rest = text; rest !== '';) {
    const label = LABEL.exec(rest)
    if (label === null) throw new Error(`Not labels: ${rest}`)
    labels[label[1] ?? ''] = (label[2] ?? '').replaceAll(/\\(.)/g, (_, char: string) =>
      char === 'n' ? '\n' : char,
    )
    rest = rest.slice(label[0].length)
  }
  return labels
}
