import { type ReactElement, useEffect, useRef } from 'react'
import UPlot from 'uplot'
import { useIsDark } from './theme.ts'

export interface ChartSeries {
  readonly label: string
  /** The colour token, such as `--accent`. */
  readonly colour: string
  readonly values: readonly (number | null)[]
}

const HEIGHT_PX = 190

/** How times are written, by what lies between two lines of the grid: as everywhere in the console, the day first. */
const TIMES: (string | number | null)[][] = [
  [31_536_000, '{YYYY}', null, null, null, null, null, null, 1],
  [28 * 86_400, '{MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [86_400, '{D} {MMM}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM} {YYYY}', null, '\n{D} {MMM}', null, null, null, 1],
]

/**
 * Values over time. A drawing: whoever uses it says what it shows in words, and has a table of the same values
 * beside it.
 *
 * @param times seconds since 1970, ascending
 */
export function TimeChart({
  label,
  times,
  series,
  formatValue,
  steps,
  isStepped = false,
}: {
  readonly label: string
  readonly times: readonly number[]
  readonly series: readonly ChartSeries[]
  readonly formatValue: (value: number) => string
  /** What may lie between two lines of the grid, ascending. */
  readonly steps: readonly number[]
  readonly isStepped?: boolean
}): ReactElement {
  const place = useRef<HTMLDivElement>(null)
  const isDark = useIsDark()
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const options = optionsFor(element, { series, formatValue, steps, isStepped })
    const chart = new UPlot(options, [[...times], ...series.map(({ values }) => [...values])], element)
    const observer = new ResizeObserver(() =>
      chart.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    )
    observer.observe(element)
    return () => {
      observer.disconnect()
      chart.destroy()
    }
    // Colours are read once, so another theme is another chart.
  }, [times, series, formatValue, steps, isStepped, isDark])
  return <div ref={place} role="img" aria-label={label} className="h-[190px] w-full overflow-hidden" />
}

function optionsFor(
  element: HTMLElement,
  {
    series,
    formatValue,
    steps,
    isStepped,
  }: {
    readonly series: readonly ChartSeries[]
    readonly formatValue: (value: number) => string
    readonly steps: readonly number[]
    readonly isStepped: boolean
  },
): UPlot.Options {
  const grid = { stroke: colourOf(element, '--line'), width: 1 }
  const axis = {
    stroke: colourOf(element, '--muted'),
    grid,
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  const stepped = UPlot.paths.stepped?.({ align: 1 })
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: { y: { range: (_, __, max) => [0, max <= 0 ? 1 : max * 1.1] } },
    axes: [
      { ...axis, space: 70, values: TIMES },
      {
        ...axis,
        size: 68,
        space: 30,
        values: (_, ticks) => ticks.map(formatValue),
        incrs: [...steps],
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour }) => ({
        label,
        stroke: colourOf(element, colour),
        width: 2,
        spanGaps: true,
        points: { show: series.length === 1 && !isStepped, size: 4, fill: colourOf(element, colour) },
        ...(isStepped && stepped !== undefined ? { paths: stepped } : {}),
      })),
    ],
  }
}

/** What a token means here and now: a canvas knows no custom properties. */
function colourOf(element: HTMLElement, token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
