export { formatFindings, type Finding } from './findings.js';
export { loadConfigFile, loadConfigText, type LoadedConfig } from './load.js';
