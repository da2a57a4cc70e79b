package feedback

// SchemaVersion is that of the files that this program writes, and the newest
// that it opens.
func SchemaVersion() int { return len(schema) }
