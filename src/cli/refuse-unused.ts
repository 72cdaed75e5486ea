/**
 * Options and arguments that would have no effect as they stand. Commander knows options that exclude each other
 * (`conflicts`), and these two other reasons not; passed over in silence, each would be believed to have been heeded.
 */
import type { Command } from 'commander'

/** By the name of an option: names of options and arguments, one of which must stand beside it. */
type Needs = Readonly<Record<string, readonly string[]>>
/** By what the first argument may be: names of the options, and of the other arguments, that go with it. */
type Takes = Readonly<Record<string, readonly string[]>>

/** Ends the parse where an option stands without any of those that it needs. */
export function refuseAlone(command: Command, needs: Needs): Command {
  return command.hook('preAction', () => {
    const given = givenTo(command)
    for (const [name, needed] of Object.entries(needs)) {
      if (!given.includes(name) || needed.some(each => given.includes(each))) continue
      const others = needed.map(each => wordsFor(command, each)).join(' or ')
      command.error(`error: ${wordsFor(command, name)} needs ${others}`)
    }
  })
}

/** Ends the parse where something stands that its action, the first argument, does not take. */
export function refuseOfOthers(command: Command, takes: Takes): Command {
  return command.hook('preAction', () => {
    const [action = ''] = command.args
    const wrong = givenTo(command).find(name => takes[action]?.includes(name) === false)
    if (wrong === undefined) return
    const others = Object.keys(takes).filter(each => takes[each]?.includes(wrong))
    const goesWith = others.map(each => `${command.name()} ${each}`).join(' and ')
    command.error(
      `error: ${command.name()} ${action} does not take ${shortFor(command, wrong)}\nThat goes with ${goesWith}.`,
    )
  })
}

/** Names of the options, and of the arguments behind the first, that stand in the command line; no defaults. */
function givenTo(command: Command): string[] {
  const options = command.options.map(option => option.attributeName())
  return [
    ...options.filter(name => command.getOptionValueSource(name) === 'cli'),
    ...command.registeredArguments.slice(1, command.args.length).map(argument => argument.name()),
  ]
}

/** As commander names them in what it refuses itself. */
function wordsFor(command: Command, name: string): string {
  const flags = command.options.find(option => option.attributeName() === name)?.flags
  return flags === undefined ? `argument '${name}'` : `option '${flags}'`
}

function shortFor(command: Command, name: string): string {
  return command.options.find(option => option.attributeName() === name)?.long ?? name
}
