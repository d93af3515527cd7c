/**
 * What a request may hold is said by its TypeBox schema alone: unknown fields are refused, bodies are never
 * converted, and all that is wrong is reported at once.
 */
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { TSchema } from 'typebox'
import { Settings } from 'typebox/system'

export interface FieldProblem {
  /** JSON pointer (RFC 6901) into the body, or below `/query`, `/headers`, `/params`. */
  path: string
  message: string
  fix: string
}

interface SchemaProblem { keyword: string, instancePath: string, schemaPath: string, params: Record<string, unknown>, message: string }

/** TypeBox stops at eight by default. */
const MOST_PROBLEMS = 100
/** Levels of members; deeper values can't be written as JSON again by a recursive writer. */
const DEEPEST = 32

export const validation = fp(async (app: FastifyInstance) => {
  Settings.Set({ maxErrors: MOST_PROBLEMS })
  app.setValidatorCompiler<TSchema>((route) => {
    const validate = TypeBoxValidatorCompiler(route)
    if (route.httpPart !== 'body') return validate
    const alternatives = (route.schema as { oneOf?: Array<{ required: string[] }> }).oneOf?.flatMap(({ required }) => required)
    return (value: unknown) => {
      const result = validate(value) as { value?: unknown, error?: SchemaProblem[] }
      const problems = [...result.error ?? [], ...unstorable(value)]
      for (const problem of problems) if (problem.keyword === 'oneOf') problem.params.alternatives = alternatives
      return problems.length > 0 ? { error: problems as never } : result
    }
  })
}, { name: 'validation' })

/** Text that PostgreSQL's jsonb refuses (NUL, lone surrogates), and values nested too deeply. */
function unstorable (body: unknown): SchemaProblem[] {
  const problems: SchemaProblem[] = []
  const open: Array<{ value: unknown, path: string, depth: number }> = [{ value: body, path: '', depth: 0 }]
  const report = (keyword: string, instancePath: string): void => { problems.push({ keyword, instancePath, schemaPath: '', params: {}, message: '' }) }
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, path, depth } = next

    if (typeof value === 'string' && /[\0\p{Surrogate}]/u.test(value)) report('text', path)
    else if (typeof value === 'object' && value !== null) {
      if (depth === DEEPEST) report('depth', path)
      else {
        for (const [name, member] of Object.entries(value)) {
          open.push({ value: name, path: `${path}/${escaped(name)}`, depth }, { value: member, path: `${path}/${escaped(name)}`, depth: depth + 1 })
        }
      }
    }
  }
  return problems
}

type Words = Array<{ at?: string, message: string, fix: string }>

/** What each keyword means to the one who wrote the request; `at` adds a member's name to the path. */
const WORDS: Record<string, (params: Record<string, unknown>) => Words> = {
  required: ({ requiredProperties }) => (requiredProperties as string[]).map((at) => ({ at, message: 'is missing', fix: 'Add it.' })),
  additionalProperties: ({ additionalProperties }) => (additionalProperties as string[]).map((at) => ({
    at, message: 'is not known', fix: 'Remove it, or correct its spelling; /openapi.json has what is known.'
  })),
  oneOf: ({ alternatives }) => [{
    message: `must hold exactly one of ${(alternatives as string[] | undefined)?.join(', ') ?? 'its alternatives'}`, fix: 'Send one of them, not several and not none.'
  }],
  pattern: ({ pattern }) => [{ message: 'does not have the form it must have', fix: `It must match ${String(pattern)}` }],
  enum: ({ allowedValues }) => [{ message: 'is none of the allowed values', fix: `Use one of: ${(allowedValues as unknown[]).join(', ')}.` }],
  type: ({ type }) => [{ message: 'has the wrong type', fix: `It must be of type ${[type].flat().join(' or ')}.` }],
  format: ({ format }) => [{ message: 'does not have the form it must have', fix: `It must be a ${String(format)} by RFC 3339.` }],
  text: () => [{ message: 'holds a character that can\'t be stored', fix: 'Leave out NUL and lone surrogates.' }],
  depth: () => [{ message: 'is nested too deeply', fix: `Nest at most ${DEEPEST} levels.` }]
}

/** Where the parts of a request that are not its body begin. */
const PARTS: Record<string, string> = { body: '', querystring: '/query', params: '/params', headers: '/headers' }

/** The validator's errors in words; those that only repeat another are left out. */
export function invalidFields (problems: unknown, part: string): FieldProblem[] {
  const all = problems as SchemaProblem[]
  const noObject = all.some(({ keyword, instancePath }) => keyword === 'type' && instancePath === '')
  return all
    .filter(({ keyword, schemaPath }) => keyword !== 'boolean' && !/\/oneOf\/\d+$/.test(schemaPath) && !(noObject && keyword === 'oneOf'))
    .flatMap(({ keyword, instancePath, params, message }) => {
      const words: Words = WORDS[keyword]?.(params) ?? [{ message, fix: 'Correct the value; /openapi.json has what is allowed.' }]
      return words.map(({ at, ...said }) => ({ path: `${PARTS[part] ?? ''}${instancePath}${at === undefined ? '' : `/${escaped(at)}`}` || '/', ...said }))
    })
}

/** RFC 6901, section 3. */
function escaped (name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
