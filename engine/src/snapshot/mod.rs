//! What a decision reads: immutable once published, replaced as a whole.

pub mod prefix_table;
