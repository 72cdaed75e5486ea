import { Tabs as Base } from '@base-ui/react/tabs'
import type { ReactElement, ReactNode } from 'react'

/** Several views of one thing. */
export function Tabs({
  label,
  chosen,
  onChoose,
  tabs,
}: {
  readonly label: string
  readonly chosen: string
  readonly onChoose: (name: string) => void
  readonly tabs: readonly { readonly name: string; readonly content: ReactNode }[]
}): ReactElement {
  return (
    <Base.Root value={chosen} onValueChange={value => onChoose(String(value))}>
      <Base.List aria-label={label} className="mb-4 flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map(({ name }) => (
          <Base.Tab
            key={name}
            value={name}
            className="-mb-px border-b-2 border-transparent px-3 py-2 text-sm font-medium text-muted hover:text-ink data-[active]:border-accent data-[active]:text-accent"
          >
            {name}
          </Base.Tab>
        ))}
      </Base.List>
      {tabs.map(({ name, content }) => (
        <Base.Panel key={name} value={name} className="outline-offset-4">
          {content}
        </Base.Panel>
      ))}
    </Base.Root>
  )
}
