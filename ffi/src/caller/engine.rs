//! Engines, their documents and their tokens.

use super::request::{Decision, Request};
use super::{Documents, Engine, Refused, Token, done, made, text, written};
use crate::decide::{highwater_engine_decide, highwater_engine_decide_batch};
use crate::decision::highwater_decision;
use crate::documents::{
    highwater_document_kind, highwater_documents_add, highwater_documents_add_path,
    highwater_documents_check, highwater_documents_new,
};
use crate::engine::{
    highwater_engine_forget_expired, highwater_engine_new, highwater_engine_observe_stream,
    highwater_engine_open, highwater_engine_reopen, highwater_engine_status,
    highwater_engine_watch_stream,
};
use crate::events::highwater_engine_apply;
use crate::exchange::{
    highwater_engine_answer, highwater_engine_answer_and_explain, highwater_engine_explain,
};
use crate::publish::{
    highwater_danger_publish_without_refused, highwater_engine_policies, highwater_engine_publish,
    highwater_engine_remove,
};
use crate::signals::{
    highwater_engine_due_keys, highwater_engine_ingest, highwater_engine_receive,
    highwater_engine_receive_trusted, highwater_engine_set_keys,
};
use crate::status::highwater_status;
use crate::token::{highwater_token_facts, highwater_token_new, highwater_token_renew};

impl Documents {
    /// `highwater_documents_new`.
    pub fn new(flags: u32) -> Result<Documents, Refused> {
        // SAFETY: the place is a local.
        made(|place| unsafe { highwater_documents_new(flags, place) }).map(Documents)
    }

    /// `highwater_documents_add`.
    pub fn add(
        &mut self,
        kind: highwater_document_kind,
        name: &str,
        data: &[u8],
    ) -> Result<(), Refused> {
        let (name, length) = text(name);
        // SAFETY: name and data are alive.
        done(unsafe {
            highwater_documents_add(self.0, kind as u32, name, length, data.as_ptr(), data.len())
        })
    }

    /// `highwater_documents_add_path`.
    pub fn add_path(&mut self, kind: highwater_document_kind, path: &str) -> Result<(), Refused> {
        let (path, length) = text(path);
        // SAFETY: the path is alive.
        done(unsafe { highwater_documents_add_path(self.0, kind as u32, path, length) })
    }

    /// `highwater_documents_check`.
    pub fn check(&self) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_documents_check(self.0, place) })
    }
}

impl Engine {
    /// `highwater_engine_new`.
    pub fn new(options: &str) -> Result<Engine, Refused> {
        let (data, length) = text(options);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_engine_new(data, length, place) }).map(Engine)
    }

    /// `highwater_engine_open`.
    pub fn open(path: &str, options: &str) -> Result<Engine, Refused> {
        let ((path, path_length), (data, length)) = (text(path), text(options));
        // SAFETY: the texts are alive, the place is a local.
        made(|place| unsafe { highwater_engine_open(path, path_length, data, length, place) })
            .map(Engine)
    }

    /// `highwater_engine_publish`: the report.
    pub fn publish(
        &self,
        tenant: &str,
        documents: &Documents,
        settings: &str,
    ) -> Result<String, Refused> {
        let ((tenant, tenant_length), (settings, length)) = (text(tenant), text(settings));
        // SAFETY: the texts are alive, the places are null or locals.
        written(|place| unsafe {
            highwater_engine_publish(
                self.0,
                tenant,
                tenant_length,
                documents.0,
                settings,
                length,
                place,
                std::ptr::null_mut(),
            )
        })
    }

    /// `highwater_danger_publish_without_refused`: the report.
    pub fn publish_without_refused(
        &self,
        tenant: &str,
        documents: &Documents,
    ) -> Result<String, Refused> {
        let (tenant, length) = text(tenant);
        // SAFETY: the text is alive, the places are null or locals.
        written(|place| unsafe {
            highwater_danger_publish_without_refused(
                self.0,
                tenant,
                length,
                documents.0,
                std::ptr::null(),
                0,
                place,
                std::ptr::null_mut(),
            )
        })
    }

    /// `highwater_engine_reopen`.
    pub fn reopen(&self) -> Result<(), Refused> {
        // SAFETY: the engine is alive.
        done(unsafe { highwater_engine_reopen(self.0) })
    }

    /// `highwater_engine_remove`.
    pub fn remove(&self, tenant: &str) -> Result<bool, Refused> {
        let (tenant, length) = text(tenant);
        let mut removed = 0;
        // SAFETY: the text is alive, the place is a local.
        done(unsafe { highwater_engine_remove(self.0, tenant, length, &raw mut removed) })?;
        Ok(removed == 1)
    }

    /// `highwater_engine_policies`.
    pub fn policies(&self, tenant: &str) -> Result<String, Refused> {
        let (tenant, length) = text(tenant);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_policies(self.0, tenant, length, place) })
    }

    /// `highwater_token_new`.
    pub fn token(&self, claims: &str) -> Result<Token, Refused> {
        let (claims, length) = text(claims);
        // SAFETY: the text is alive, the place is a local.
        made(|place| unsafe { highwater_token_new(self.0, claims, length, place) }).map(Token)
    }

    /// `highwater_token_renew`.
    pub fn renew(&self, token: &Token) -> Result<Option<Token>, Refused> {
        let mut place = std::ptr::null_mut();
        // SAFETY: the place is a local.
        done(unsafe { highwater_token_renew(token.0, self.0, &raw mut place) })?;
        Ok((!place.is_null()).then_some(Token(place)))
    }

    /// `highwater_engine_decide`.
    pub fn decide(&self, token: &Token, request: &Request<'_>) -> Result<Decision, Refused> {
        let mut decision = Decision::init();
        // SAFETY: everything is alive.
        done(unsafe {
            highwater_engine_decide(self.0, token.0, &raw const request.raw, &raw mut decision.0)
        })?;
        Ok(decision)
    }

    /// `highwater_engine_decide_batch`.
    pub fn decide_batch(
        &self,
        tokens: &[&Token],
        requests: &[Request<'_>],
    ) -> Result<Vec<Decision>, Refused> {
        assert_eq!(tokens.len(), requests.len(), "a token for every request");
        let tokens: Vec<_> = tokens.iter().map(|token| token.0.cast_const()).collect();
        let requests: Vec<_> = requests.iter().map(|request| request.raw).collect();
        let mut decisions = vec![Decision::init().0; requests.len()];
        // SAFETY: everything is alive, and there are so many of each.
        let status = unsafe {
            highwater_engine_decide_batch(
                self.0,
                tokens.as_ptr(),
                requests.as_ptr(),
                decisions.as_mut_ptr(),
                decisions.len(),
            )
        };
        if status != highwater_status::Ok {
            let denies = |decision: &highwater_decision| decision.outcome == 0;
            assert!(decisions.iter().all(denies), "a batch that failed denies");
        }
        done(status)?;
        Ok(decisions.into_iter().map(Decision).collect())
    }

    /// `highwater_engine_answer`.
    pub fn answer(&self, request: &str) -> Result<String, Refused> {
        let (data, length) = text(request);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_answer(self.0, data, length, place) })
    }

    /// `highwater_engine_answer_and_explain`.
    pub fn answer_and_explain(&self, request: &str) -> Result<String, Refused> {
        let (data, length) = text(request);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_answer_and_explain(self.0, data, length, place) })
    }

    /// `highwater_engine_explain`.
    pub fn explain(&self, token: &Token, request: &Request<'_>) -> Result<String, Refused> {
        // SAFETY: everything is alive, the place is a local.
        written(|place| unsafe {
            highwater_engine_explain(self.0, token.0, &raw const request.raw, place)
        })
    }

    /// `highwater_engine_apply`.
    pub fn apply(&self, events: &str) -> Result<usize, Refused> {
        let (data, length) = text(events);
        let mut changed = 0;
        // SAFETY: the text is alive, the place is a local.
        done(unsafe { highwater_engine_apply(self.0, data, length, &raw mut changed) })?;
        Ok(changed)
    }

    /// `highwater_engine_receive`.
    pub fn receive(&self, token: &str, now: i64) -> Result<String, Refused> {
        let (data, length) = text(token);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe { highwater_engine_receive(self.0, data, length, now, place) })
    }

    /// `highwater_engine_receive_trusted`.
    pub fn receive_trusted(&self, claims: &str, now: i64) -> Result<String, Refused> {
        let (data, length) = text(claims);
        // SAFETY: the text is alive, the place is a local.
        written(|place| unsafe {
            highwater_engine_receive_trusted(self.0, data, length, now, place)
        })
    }

    /// `highwater_engine_ingest`.
    pub fn ingest(
        &self,
        expectation: &str,
        name: &str,
        data: &[u8],
        now: i64,
    ) -> Result<String, Refused> {
        let ((expectation, length), (name, name_length)) = (text(expectation), text(name));
        // SAFETY: texts and data are alive, the place is a local.
        written(|place| unsafe {
            highwater_engine_ingest(
                self.0,
                expectation,
                length,
                name,
                name_length,
                data.as_ptr(),
                data.len(),
                now,
                place,
            )
        })
    }

    /// `highwater_engine_set_keys`.
    pub fn set_keys(&self, transmitter: &str, keys: &str, now: i64) -> Result<(), Refused> {
        let ((name, name_length), (keys, length)) = (text(transmitter), text(keys));
        // SAFETY: the texts are alive.
        done(unsafe { highwater_engine_set_keys(self.0, name, name_length, keys, length, now) })
    }

    /// `highwater_engine_due_keys`.
    pub fn due_keys(&self, now: i64) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_engine_due_keys(self.0, now, place) })
    }

    /// `highwater_engine_watch_stream`.
    pub fn watch_stream(&self, source: &str, seconds: i64, now: i64) -> Result<(), Refused> {
        let (source, length) = text(source);
        // SAFETY: the text is alive.
        done(unsafe { highwater_engine_watch_stream(self.0, source, length, seconds, now) })
    }

    /// `highwater_engine_observe_stream`.
    pub fn observe_stream(&self, source: &str, heard: i64) -> Result<(), Refused> {
        let (source, length) = text(source);
        // SAFETY: the text is alive.
        done(unsafe { highwater_engine_observe_stream(self.0, source, length, heard) })
    }

    /// `highwater_engine_forget_expired`.
    pub fn forget_expired(&self, now: i64) -> Result<usize, Refused> {
        let mut forgotten = 0;
        // SAFETY: the place is a local.
        done(unsafe { highwater_engine_forget_expired(self.0, now, &raw mut forgotten) })?;
        Ok(forgotten)
    }

    /// `highwater_engine_status`.
    pub fn status(&self, now: i64) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_engine_status(self.0, now, place) })
    }
}

impl Token {
    /// `highwater_token_facts`.
    pub fn facts(&self) -> Result<String, Refused> {
        // SAFETY: the place is a local.
        written(|place| unsafe { highwater_token_facts(self.0, place) })
    }
}
