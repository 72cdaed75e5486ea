/** The steps of long work, as they are shown while it is under way. */
const STEPS: Readonly<Record<string, string>> = {
  'find-database': 'Looking for the database',
  'prepare-directories': 'Preparing directories',
  'lock-catalog': 'Waiting for the catalog',
  'remove-leftovers': 'Removing leftovers',
  'copy-image': 'Copying the database',
  'sync-image': 'Writing it to disk',
  'check-image': 'Checking the copy',
  'publish-image': 'Giving it its name',
  'write-metadata': 'Writing metadata',
  'find-backup': 'Looking for the backup',
  'verify-backup': 'Verifying the backup',
  'inspect-target': 'Looking at the database',
  'check-space': 'Checking free space',
  'pre-restore-backup': 'Backing up what is there now',
  'stage-image': 'Staging the backup',
  'remove-side-files': 'Removing side files',
  'replace-target': 'Replacing the file',
  'apply-image': 'Writing the database',
  'compare-target': 'Comparing the result',
  'settle-target': 'Settling the database',
  'roll-back': 'Rolling back',
  'open-source': 'Opening the source',
  'find-sensitive': 'Looking for sensitive columns',
  'write-rows': 'Writing rows',
  'publish-export': 'Giving the export its name',
  'finish-deletions': 'Finishing deletions',
  'mark-deleted': 'Marking it as deleted',
  'delete-image': 'Deleting the image',
  'delete-metadata': 'Deleting metadata',
  'decide-retention': 'Deciding what is kept',
  'check-restored': 'Checking what was restored',
  'remove-scratch': 'Removing the scratch directory',
}

/** "Copying the database"; a step that this version does not know, by its own name. */
export function stepWords(step: string): string {
  return STEPS[step] ?? step.replaceAll('-', ' ')
}
