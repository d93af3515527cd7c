export declare function bundleDirectory (env?: Record<string, string | undefined>): string
export declare function makeBundle (target: string): Promise<void>
