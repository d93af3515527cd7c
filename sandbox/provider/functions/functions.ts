/** The provider's functions by token. */
import type { FunctionType } from '../engine/function-type.ts'

export const functions: Record<string, FunctionType> = {}
