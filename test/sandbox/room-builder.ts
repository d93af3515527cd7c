/**
 * A process of its own that builds or destroys a room, so that a test can kill it in the middle.
 *
 * `node --import=tsx room-builder.ts up|destroy FACTS`; FACTS is JSON: the world's facts and the request.
 * One line of JSON per event on standard output.
 */
import type { RoomRequest } from '../../controller/clean-room/engine.ts'
import { roomsOf, type WorldFacts } from './room-world.ts'

const [what, text = ''] = process.argv.slice(2)
const { world, request } = JSON.parse(text) as { world: WorldFacts, request: RoomRequest }
const tell = (event: object) => { process.stdout.write(`${JSON.stringify(event)}\n`) }

const rooms = roomsOf(world)
if (what === 'up') await rooms.up(request, tell)
else await rooms.destroy(request.incidentId, tell)
tell({ type: 'finished' })
