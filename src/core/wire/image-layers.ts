/** One layer of `GET /images/NAME/layers`, Wharf's own addition to the API; sizes in bytes. */
export interface ImageLayerReport {
  readonly Id: string;
  readonly DiffId: string;
  readonly CreatedBy: string;
  readonly Created: string;
  readonly Size: number;
  readonly Added: number;
  readonly Changed: number;
  readonly Deleted: number;
  /** Of its files, what later layers replace or delete: it is on disk and nobody sees it. */
  readonly Wasted: number;
}

/** One line of `GET /images/NAME/diff?against=OTHER`. */
export interface ImageDifference {
  readonly Path: string;
  readonly Kind: 'added' | 'changed' | 'deleted';
  /** How many bytes more there are. */
  readonly Size: number;
}
