/** Checking policies that come from a configuration or a caller. Apart, because zod takes a while to load. */
import { z } from 'zod'
import { isType } from '../catalog/names.ts'
import { recordOf } from '../config/record.ts'
import { EMPTY_RULES, isEmpty, type RetentionPolicy, type RetentionRules } from './policy.ts'
import { isSize, isSpan } from './units.ts'

const count = z.int().nonnegative().max(100_000)
export const spanSchema: z.ZodType<string> = z
  .string()
  .refine(isSpan, 'expected a span such as "12h", "30d", "8w", "6m" (months) or "1y"')

const rulesShape = {
  keepLast: count.optional().describe('The newest so many.'),
  keepHourly: count.optional().describe('The newest of each of the last so many hours that have one.'),
  keepDaily: count.optional().describe('Likewise days, in the time zone.'),
  keepWeekly: count.optional().describe('Likewise ISO weeks.'),
  keepMonthly: count.optional().describe('Likewise months.'),
  keepYearly: count.optional().describe('Likewise years.'),
  keepWithin: spanSchema
    .optional()
    .describe('All younger than this, counted from the newest of the type: "12h", "30d", "8w", "6m", "1y".'),
  maxSize: z
    .union([
      z.int().positive(),
      z.string().refine(isSize, 'expected bytes, or text such as "10GiB" or "512MiB"'),
    ])
    .optional()
    .describe('What all of them may take: bytes, or text such as "10GiB" or "512MiB". The oldest go first.'),
  minCount: count.optional().describe('At least so many stay, whatever their size.'),
  minAge: spanSchema.optional().describe('Younger ones stay, whatever their size.'),
}

export const policySchema: z.ZodType<RetentionPolicy> = recordOf(
  z.string().refine(isType, 'expected a type of backups, such as "daily"'),
  z.strictObject(rulesShape).refine((rules: RetentionRules) => !isEmpty(rules), EMPTY_RULES),
)
