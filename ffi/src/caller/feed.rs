//! Feeds.

use super::{Engine, Feed, Refused, done, made, text, written};
use crate::feed::{
    highwater_feed_lost, highwater_feed_new, highwater_feed_next, highwater_feed_respond,
    highwater_feed_state,
};

impl Feed {
    /// `highwater_feed_new`.
    pub fn new(options: &str) -> Result<Feed, Refused> {
        let (data, length) = text(options);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_feed_new(data, length, place) }).map(Feed)
    }

    /// `highwater_feed_next`.
    pub fn next(&self, now: i64) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_feed_next(self.0, now, place) })
    }

    /// `highwater_feed_respond`, without `Retry-After`.
    pub fn respond(
        &mut self,
        engine: &Engine,
        http_status: u16,
        data: &[u8],
        now: i64,
    ) -> Result<String, Refused> {
        // SAFETY: the data is alive, the place is a local.
        written(|place| unsafe {
            highwater_feed_respond(
                self.0,
                engine.0,
                http_status,
                -1,
                data.as_ptr(),
                data.len(),
                now,
                place,
            )
        })
    }

    /// `highwater_feed_lost`.
    pub fn lost(&mut self, now: i64) -> Result<(), Refused> {
        // SAFETY: the feed is alive.
        done(unsafe { highwater_feed_lost(self.0, now) })
    }

    /// `highwater_feed_state`.
    pub fn state(&self) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_feed_state(self.0, place) })
    }
}
