/** What a build says while it works. */
export type BuildEvent =
  | { readonly type: 'message'; readonly text: string }
  | { readonly type: 'warning'; readonly text: string }
  | {
      readonly type: 'progress'
      readonly label: string
      readonly done: number
      readonly total?: number
      readonly unit: string
    }
export type OnBuildEvent = (event: BuildEvent) => void
