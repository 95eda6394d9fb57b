// The lab's one user.

/** The user's own settings. */
export interface User {
  firstName: string
  lastName: string
  timezone: string
  phoneNumber: string
  customdata: Record<string, unknown>
  /** RFC 3339. */
  updatedAt: string
}

/** The user of a new lab. */
export function createUser(updatedAt: string): User {
  return { firstName: 'Lab', lastName: 'User', timezone: 'Etc/UTC', phoneNumber: '', customdata: {}, updatedAt }
}
