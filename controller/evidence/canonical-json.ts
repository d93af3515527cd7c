/**
 * Canonical JSON by RFC 8785 (JCS): one text for one value, so that its hash can be made again anywhere.
 *
 * The RFC takes numbers and strings from ECMAScript, so JSON.stringify writes them; what is left to do
 * is the order of members and the refusal of what JSON can't say.
 */

/** @throws TypeError naming the place of a value that is not JSON (undefined, NaN, a lone surrogate, a Date …) */
export function canonicalJson (value: unknown): string {
  return write(value, '')
}

function write (value: unknown, place: string): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return writeString(value, place)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw notJson(place, String(value))
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${Array.from(value, (item, index) => write(item, `${place}/${index}`)).join(',')}]`
  if (typeof value === 'object' && isPlain(value)) {
    // Section 3.2.3: members are sorted by UTF-16 code units, which is how JavaScript compares strings.
    const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
    return `{${members.map(([name, member]) => `${writeString(name, place)}:${write(member, `${place}/${name}`)}`).join(',')}}`
  }
  throw notJson(place, typeof value)
}

function writeString (text: string, place: string): string {
  // Section 3.2.2.2: a lone surrogate ends the serialisation. In this mode only lone ones match.
  if (/\p{Surrogate}/u.test(text)) throw notJson(place, 'a string with a lone surrogate')
  return JSON.stringify(text)
}

function isPlain (value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function notJson (place: string, what: string): TypeError {
  return new TypeError(`Not JSON at ${place || 'the root'}: ${what}`)
}
