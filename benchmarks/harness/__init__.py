"""The harness: how anything is measured, kept, compared and shown; it knows no question."""
