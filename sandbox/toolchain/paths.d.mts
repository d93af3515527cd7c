export interface Toolchain {
  /** `${CLEANROOM_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/cleanroom}` */
  cacheDir: string
  /** Directory with `bin/pulumi`: what `PulumiCommand.get({ root })` and CLEANROOM_PULUMI_HOME take. */
  pulumiHome: string
  /** Directory with `pulumi` and `pulumi-language-nodejs`, to be put in front of PATH. */
  pulumiHomeBin: string
  emulatorVenv: string
  emulatorPython: string
  /** The software of the sandbox's workstation image; has `bin/python3`. */
  analysisVenv: string
  analysisPython: string
  /** Directory of pytest's packages, to be named in PYTHONPATH. */
  pytestPackages: string
  /** Directory with the stand-ins `pulumi-resource-aws` and `pulumi-resource-awsx`, to be put on PATH. */
  pluginDir: string
  /** Full path of mke2fs, or undefined where it is not installed. */
  mke2fs: string | undefined
}

type Environment = Record<string, string | undefined>

export declare const REPOSITORY: string
export declare const PULUMI_VERSION: string
export declare const PYTHON_LOCKS: Record<'emulator' | 'analysis' | 'pytest', string>
export declare const GO_MODULES: Record<'pulumi' | 'pulumi-language-nodejs', string>
export declare function cacheDirectory (env?: Environment): string
export declare function shortHash (...contents: Array<string | Uint8Array>): string
export declare function hashOfFiles (...relativePaths: string[]): string
export declare function onPath (program: string, options?: {
  env?: Environment, accept?: (candidate: string) => boolean, also?: string[]
}): string | undefined
export declare function findMke2fs (env?: Environment): string | undefined
export declare function ownPulumi (env?: Environment): { path: string, home: string } | undefined
export declare function pinnedPulumiHome (env?: Environment): string
export declare function toolchain (env?: Environment): Toolchain
