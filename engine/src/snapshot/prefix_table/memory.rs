//! What a shared value takes on the heap.

/// How many bytes an [`Arc`](std::sync::Arc) of `value` takes: its two counters and the value.
///
/// What `value` points to is not among them.
pub(super) fn shared_bytes<T: ?Sized>(value: &T) -> usize {
    let size = size_of_val(value);
    if size == 0 {
        // An empty slice is the same for all and not on the heap.
        return 0;
    }
    let alignment = align_of_val(value).max(align_of::<usize>());
    size_of::<[usize; 2]>().next_multiple_of(alignment) + size.next_multiple_of(alignment)
}
