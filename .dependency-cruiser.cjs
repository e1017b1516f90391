/** Imports point one way: cli → runner → resources and roles → remote, transport → model, shared. */
const mayNotImport = (name, from, to, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: to },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    mayNotImport(
      'shared-stands-alone',
      '^src/shared',
      '^(src/(?!shared)|roles)',
      'shared knows nothing of the product',
    ),
    mayNotImport(
      'model-is-pure',
      '^src/model',
      '^(src/(cli|runner|report|resources|remote|sandbox|playbook)|roles)',
      'the model is data',
    ),
    mayNotImport(
      'transport-below',
      '^src/transport',
      '^(src/(cli|runner|report|resources|playbook|sandbox)|roles)',
      'a transport carries bytes',
    ),
    mayNotImport(
      'remote-below',
      '^src/remote',
      '^(src/(cli|runner|report|resources|playbook|sandbox)|roles)',
      'the remote side knows facts, not resources',
    ),
    mayNotImport(
      'resource-no-role',
      '^src/resources',
      '^(src/(cli|runner|report|playbook|sandbox)|roles)',
      'a resource never imports a role or the runner',
    ),
    mayNotImport(
      'role-no-inside',
      '^roles',
      '^src/(cli|runner|report|remote|transport|sandbox)',
      'a role uses the public API',
    ),
    mayNotImport(
      'runner-no-cli',
      '^src/runner',
      '^(src/(cli|sandbox)|roles)',
      'commands call the runner, never the other way',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
