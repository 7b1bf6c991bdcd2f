import { z } from 'zod';

/** The spool's part of the edge's configuration: spread it into the edge's own schema. */
export const spoolConfigFields = {
  spoolMaxBytes: z.coerce
    .number()
    .int()
    .min(65_536)
    .default(1_073_741_824)
    .describe('Bytes of audit entries kept on disk while the audit service is away; new calls are refused when less than 5 % of it is left'),
};
