/** System calls of a process and its descendants, as strace saw them. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Call {
  readonly name: string
  /** What stands between the parentheses; descriptors show their paths. */
  readonly args: string
  readonly result: string
  /** When it was entered and when it returned, as numbers of lines. */
  readonly entered: number
  readonly returned: number
}

const CALLS =
  'open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,link,linkat,symlink,' +
  'symlinkat,fsync,fdatasync,write,pwrite64,pwritev,pwritev2,writev,truncate,ftruncate,fallocate,' +
  'copy_file_range,sendfile,splice,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,utimensat,setxattr,' +
  'fsetxattr,unlink,unlinkat,rmdir'

/** What makes strace note the calls of a program, to be followed by that program and its arguments. */
export function straceTo(traceFile: string): string[] {
  return ['strace', '-f', '-y', '-qq', '-s', '64', '-o', traceFile, '-e', `trace=${CALLS}`]
}

/** The calls in a trace that succeeded, in the order in which they returned. */
export function readTrace(traceFile: string): Call[] {
  const calls = parse(readFileSync(traceFile, 'utf8')).filter(({ result }) => !result.startsWith('-1'))
  return namedByPath(calls)
}

/** The same calls, with the paths of open directories in the place of `/proc/self/fd/…`. */
function namedByPath(calls: readonly Call[]): Call[] {
  const open = new Map<string, string>()
  return calls.map(call => {
    const [, opened, path] = /^(\d+)<([^>]*)>/.exec(call.result) ?? []
    if (opened !== undefined && path !== undefined) open.set(opened, path)
    const args = call.args.replaceAll(
      /"\/proc\/self\/fd\/(\d+)/g,
      (all, descriptor: string) => `"${open.get(descriptor) ?? all.slice(1)}`,
    )
    return { ...call, args }
  })
}

/** Runs Node with `args` under strace; returns the calls that succeeded, in the order in which they returned. */
export function traceNode(args: readonly string[], traceFile: string): Call[] {
  const [strace = '', ...options] = straceTo(traceFile)
  const { status, stderr } = spawnSync(strace, [...options, process.execPath, '--no-warnings', ...args], {
    encoding: 'utf8',
    // What the tests' own cache of compiled code writes is no call of the product.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
  })
  if (status !== 0) throw new Error(stderr)
  return readTrace(traceFile)
}

/** The path behind the descriptor, or the first path among the arguments. */
export function pathOf({ name, args }: Call): string {
  const descriptor = /^\d+<([^>]*)>/.exec(args)?.[1]
  if (descriptor !== undefined && name !== 'openat') return descriptor
  return /"([^"]*)"/.exec(args)?.[1] ?? ''
}

const WRITES: readonly string[] = [
  'write',
  'pwrite64',
  'pwritev',
  'pwritev2',
  'writev',
  'ftruncate',
  'fallocate',
  'copy_file_range',
  'sendfile',
]

/** The file whose content the call changed; null when it changed none. */
export function writtenBy({ name, args }: Call): string | null {
  if (!WRITES.includes(name)) return null
  const descriptors = [...args.matchAll(/(?:^|, )\d+<([^>]*)>/g)].map(match => match[1] ?? '')
  return (name === 'copy_file_range' ? descriptors[1] : descriptors[0]) ?? null
}

const OPENS: readonly string[] = ['open', 'openat', 'openat2', 'creat']
const FLUSHES: readonly string[] = ['fsync', 'fdatasync']

/**
 * The files that the call changed, or may change from then on: their content, name, mode or owner. Pipes,
 * sockets and the like are none.
 */
export function changedBy(call: Call): string[] {
  const { name, args } = call
  if (FLUSHES.includes(name)) return []
  if (OPENS.includes(name) && !/O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE/.test(args)) return []
  // A relative path starts at the descriptor before it.
  const named = [...args.matchAll(/(?:<([^>]*)>, )?"([^"]*)"/g)].map(([, from = '', path = '']) =>
    path.startsWith('/') ? path : `${from}/${path}`,
  )
  const written = writtenBy(call) ?? /^\d+<([^>]*)>/.exec(args)?.[1] ?? ''
  const isByDescriptor = WRITES.includes(name) || (named.length === 0 && written !== '')
  return (isByDescriptor ? [written] : named).filter(path => path.startsWith('/'))
}

/** The two paths of a rename or a link. */
export function fromAndTo({ args }: Call): [from: string, to: string] {
  const paths = [...args.matchAll(/"([^"]*)"/g)].map(match => match[1] ?? '')
  return [paths[0] ?? '', paths.at(-1) ?? '']
}

function parse(text: string): Call[] {
  const unfinished = new Map<string, { name: string; args: string; entered: number }>()
  const calls: Call[] = []
  for (const [line, content] of text.split('\n').entries()) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(content) ?? []
    const begun = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest)
    const resumed = /^<\.\.\. (\w+) resumed>(.*)\)\s+= (.*)$/.exec(rest)
    const whole = /^(\w+)\((.*)\)\s+= (.*)$/.exec(rest)
    if (begun !== null) {
      unfinished.set(pid, { name: begun[1] ?? '', args: begun[2] ?? '', entered: line })
    } else if (resumed !== null) {
      const start = unfinished.get(pid)
      if (start === undefined) continue
      calls.push({
        ...start,
        args: start.args + (resumed[2] ?? ''),
        result: resumed[3] ?? '',
        returned: line,
      })
    } else if (whole !== null) {
      const [, name = '', args = '', result = ''] = whole
      calls.push({ name, args, result, entered: line, returned: line })
    }
  }
  return calls
}
