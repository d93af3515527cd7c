export type Version = [major: number, minor: number, patch: number]
export interface Lock {
  packages: Record<string, { version?: string, integrity?: string, optional?: boolean, link?: boolean }>
}
export declare function parseVersion (text: string): Version | undefined
export declare function isAtLeast (version: number[], wanted: number[]): boolean
export declare function judgePulumi (printed: string, sdkVersion: string): { accepted: boolean, reason: string }
export declare function goVersionOf (goMod: string): Version
export declare function packagesAmiss (lock: Lock, installed: Lock | undefined): string[]
