import { z } from 'zod'

/**
 * Values by name. zod's own record leaves out what is called `__proto__`, whatever its names are to be like; nothing that a
 * configuration or a request names can be called that, so it is refused.
 */
export function recordOf<Value>(
  name: z.ZodType<string, string>,
  value: z.ZodType<Value>,
): z.ZodType<Record<string, Value>> {
  return z.preprocess(
    (given, context) => {
      if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__'))
        context.addIssue({
          code: 'custom',
          path: ['__proto__'],
          message: 'nothing can be called "__proto__"',
        })
      return given
    },
    z.record(name, value),
  )
}
