/** The texts of training, data, models and settings. */
export const workshop = {
  'train.title': 'Train',
  'data.title': 'Data',
  'models.title': 'Models',
  'settings.title': 'Settings',
} as const
