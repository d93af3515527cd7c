export interface Piece {
  name: string
  /** Names of pieces, earlier in the list, that are made first. */
  after?: string[]
  ready: () => boolean
  make: (say: (text: string, options?: { loud?: boolean }) => void) => Promise<void>
  remedy: string
}
export declare function makeAll (pieces: Piece[], options: {
  lockFileOf: (piece: Piece) => string, print: (line: string) => void, now?: () => number
}): Promise<Array<{ piece: Piece, error: Error }>>
