/** What the set-up decides from facts alone: versions that will do, and whether node_modules is as locked. */

/** `v3.250.0`, `go1.26.8`, `Python 3.11.7` → [3, 250, 0]; undefined where there is no version in it. */
export function parseVersion (text) {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined
}

/** Whether a version is the wanted one or newer. */
export function isAtLeast (version, wanted) {
  for (const [index, part] of wanted.entries()) {
    if (version[index] !== part) return version[index] > part
  }
  return true
}

/**
 * Whether the user's own Pulumi will do: the SDK's major version, and no older than the SDK.
 * An engine takes the SDKs that came before it; nobody promises that it takes a newer one.
 */
export function judgePulumi (printed, sdkVersion) {
  const version = parseVersion(printed)
  const sdk = parseVersion(sdkVersion)
  if (!version) return { accepted: false, reason: `it says "${printed.trim()}" instead of a version` }
  const name = version.join('.')
  if (version[0] !== sdk[0]) return { accepted: false, reason: `it is version ${name}, the SDK ${sdkVersion} needs ${sdk[0]}.x` }
  if (!isAtLeast(version, sdk)) return { accepted: false, reason: `it is version ${name}, older than the SDK ${sdkVersion}` }
  return { accepted: true, reason: `version ${name}` }
}

/** The version that a go.mod asks for. */
export function goVersionOf (goMod) {
  return parseVersion(/^go\s+(\S+)/m.exec(goMod)[1])
}

/**
 * Packages that the lock file names and node_modules has not, or has in another version, by npm's own
 * record of what it installed (node_modules/.package-lock.json, written last). Optional ones may be
 * absent: they are for other platforms.
 */
export function packagesAmiss (lock, installed) {
  return Object.entries(lock.packages)
    .filter(([path, wanted]) => {
      if (path === '' || wanted.link) return false
      const present = installed?.packages?.[path]
      if (!present) return !wanted.optional
      return present.version !== wanted.version || present.integrity !== wanted.integrity
    })
    .map(([path]) => path)
}
