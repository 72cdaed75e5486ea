import { Component, type ReactNode } from 'react'
import { ProblemNote } from '../parts/states.tsx'

/** A page that breaks says so, and the rest of the console stays. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: null }

  static getDerivedStateFromError(error: unknown): { readonly error: unknown } {
    return { error }
  }

  override render(): ReactNode {
    const { error } = this.state
    return error === null ? (
      this.props.children
    ) : (
      <ProblemNote error={error} onRetry={() => this.setState({ error: null })} />
    )
  }
}
