export declare function exclusively<T> (lockFile: string, work: () => Promise<T>, onWait?: (pid: number) => void): Promise<T>
export declare function publishDirectory (directory: string, fill: (making: string) => Promise<void>): Promise<void>
export declare function removeTree (path: string): Promise<void>
