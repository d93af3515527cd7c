/**
 * Starts the provider from its bundle, which is made on first use.
 * With --bundle-only it stops before the start, so that a set-up can pay for the bundle.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundleDirectory, makeBundle } from './bundle.mjs'

/** The AWS SDK's notice on this Node.js version would be repeated in every engine run. */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const bundle = bundleDirectory()
if (!existsSync(bundle)) await makeBundle(bundle)
if (!process.argv.includes('--bundle-only')) await import(pathToFileURL(join(bundle, 'main.mjs')).href)
