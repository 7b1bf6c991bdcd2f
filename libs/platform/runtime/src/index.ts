export { CLOCK, systemClock, type Clock } from './clock.js';
export { commonConfig, ConfigError, environmentName, loadConfig, type CommonConfig } from './config.js';
export { Health, HEALTH, type Problem } from './health.js';
export { KEY_FILES, KeyFiles, type SigningKeyName, type SymmetricKeyName } from './key-files.js';
export { createLogger, LOGGER, silentLogger, type Logger } from './logger.js';
export { Periodic } from './periodic.js';
export { SecretBox } from './secrets.js';
export { BUS, createContext, startService, type ListenOptions, type RunningService, type ServiceContext, type ServiceName } from './service.js';
export { uuid7 } from './uuid7.js';
