/** A process of its own: takes connections at an address, and passes them on to a socket that has a path. */
import { connect, createServer } from 'node:net'
import { join } from './join.ts'

const [address = '', port = '', path = ''] = process.argv.slice(2)
createServer(socket => join(socket, connect(path))).listen(Number(port), address)
