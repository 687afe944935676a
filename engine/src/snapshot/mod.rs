//! What a decision reads: immutable once published, replaced as a whole.
