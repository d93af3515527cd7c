import neostandard from 'neostandard'
import tseslint from 'typescript-eslint'

export default [
  { ignores: ['**/node_modules/', '**/__pycache__/', 'dist/', '.sandbox/'] },
  ...neostandard({ ts: true }),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // A schema and the type that is read from it share one name; TypeScript itself refuses real redeclarations.
      '@typescript-eslint/no-redeclare': 'off',
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' }],
      'no-param-reassign': 'error',
      'no-console': 'error'
    }
  },
  // The command line, the demo and the set-up speak to a person on standard output.
  { files: ['cli/**', 'sandbox/**', 'bench/**', 'test/run.ts'], rules: { 'no-console': 'off' } }
]
