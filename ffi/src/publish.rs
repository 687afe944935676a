//! Publishing: documents become the snapshot that a tenant's decisions read.

use std::ffi::c_char;

use highwater::compile::{Documents, Report};
use highwater::identifier::TenantId;
use highwater::model::{PolicyState, TenantModel};
use highwater::settings::TenantSettings;
use serde_json::Value;

use crate::documents::{highwater_documents, refusal};
use crate::engine::highwater_engine;
use crate::error::{Failure, Outcome};
use crate::handle::{borrow, with};
use crate::log::{highwater_log_level, say};
use crate::options::tenant_settings;
use crate::status::highwater_status;
use crate::text::{highwater_text, identifier, json, required, text, write_optional, write_text};

/// Publishes documents as the new snapshot of `tenant`, `*` for every tenant that has none of
/// its own. Decisions under way finish with the snapshot that they took; if anything is refused,
/// the former snapshot stays.
///
/// `settings` is a JSON object with the settings of the tenant (`[tenant.settings]` of
/// `docs/configuration.md`); of length zero: the defaults. `report` receives what became of the
/// documents, as in `highwater_documents_check`, also when they were refused; it may be null.
/// `version` receives the version of the snapshot; it may be null.
///
/// Costs time in the size of the documents. Threads that decide meanwhile are not held up.
///
/// # Safety
/// - `engine` is an engine, `documents` a collection.
/// - `tenant` is valid for reading `tenant_length` bytes, `settings` for `settings_length`; null
///   if that is zero.
/// - `report` and `version` are null or valid for writing; free the text with
///   `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_publish(
    engine: *const highwater_engine,
    tenant: *const c_char,
    tenant_length: usize,
    documents: *const highwater_documents,
    settings: *const c_char,
    settings_length: usize,
    report: *mut highwater_text,
    version: *mut u64,
) -> highwater_status {
    // SAFETY: the caller's promise.
    unsafe {
        publish_documents(
            engine,
            (tenant, tenant_length),
            documents,
            (settings, settings_length),
            report,
            version,
            keep_documents,
        )
    }
}

/// DANGER: publishes what compiled and leaves out what was refused; what the refused policies
/// forbid is allowed from now on. Otherwise as `highwater_engine_publish`. For operators who have
/// read the report.
///
/// # Safety
/// - As `highwater_engine_publish`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_danger_publish_without_refused(
    engine: *const highwater_engine,
    tenant: *const c_char,
    tenant_length: usize,
    documents: *const highwater_documents,
    settings: *const c_char,
    settings_length: usize,
    report: *mut highwater_text,
    version: *mut u64,
) -> highwater_status {
    // SAFETY: the caller's promise.
    unsafe {
        publish_documents(
            engine,
            (tenant, tenant_length),
            documents,
            (settings, settings_length),
            report,
            version,
            leave_out_refused,
        )
    }
}

/// Removes what was published for `tenant`: unless something is published for every tenant, its
/// tokens are refused from now on. `removed` receives 1 if there was something, else 0; it may be
/// null.
///
/// # Safety
/// - `engine` is an engine.
/// - `tenant` is valid for reading `tenant_length` bytes.
/// - `removed` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_remove(
    engine: *const highwater_engine,
    tenant: *const c_char,
    tenant_length: usize,
    removed: *mut u8,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let tenant = unsafe { identifier("tenant", tenant, tenant_length) }?;
        engine.store()?;
        let was_there = engine.engine.remove(&tenant);
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_optional(removed, u8::from(was_there)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Lists the policies of the present snapshot of `tenant` as a JSON array of `{"id", "name",
/// "state"}`: the names behind the indices in `highwater_decision.policies`, as long as nothing
/// else is published for the tenant. `null` if it has no snapshot.
///
/// # Safety
/// - `engine` is an engine.
/// - `tenant` is valid for reading `tenant_length` bytes.
/// - `policies` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_policies(
    engine: *const highwater_engine,
    tenant: *const c_char,
    tenant_length: usize,
    policies: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let place = required("policies", policies)?;
        // SAFETY: the caller's promise.
        let tenant = unsafe { identifier("tenant", tenant, tenant_length) }?;
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, list(engine, &tenant).to_string()) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

fn list(engine: &highwater_engine, tenant: &TenantId) -> Value {
    let Some(snapshot) = engine.engine.snapshot(tenant) else {
        return Value::Null;
    };
    let policies = snapshot.policies().iter().map(|(_, policy)| {
        serde_json::json!({
            "id": policy.id.as_str(),
            "name": policy.display_name,
            "state": match policy.state {
                PolicyState::Enabled => "enabled",
                PolicyState::ReportOnly => "enabledForReportingButNotEnforced",
                PolicyState::Disabled => "disabled",
            },
        })
    });
    Value::Array(policies.collect())
}

/// The whole of publishing; `refused` says what becomes of it when something was refused.
///
/// # Safety
/// - As [`highwater_engine_publish`].
unsafe fn publish_documents(
    engine: *const highwater_engine,
    tenant: (*const c_char, usize),
    documents: *const highwater_documents,
    settings: (*const c_char, usize),
    report: *mut highwater_text,
    version: *mut u64,
    refused: fn(&Whose, Failure) -> Outcome,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        engine.store()?;
        // SAFETY: the caller's promise.
        let whose = unsafe { whose(tenant.0, tenant.1) }?;
        // SAFETY: the caller's promise.
        let documents = unsafe { borrow(documents) }?;
        // SAFETY: the caller's promise.
        let settings = tenant_settings(unsafe { text("settings", settings.0, settings.1) }?)?;
        let (model, made) = documents.read(Documents::finish)?;
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_text(report, json(&made)?) };
        refusal(&made).or_else(|failure| refused(&whose, failure))?;
        let published = publish(engine, &whose, &model, settings, &made)?;
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_optional(version, published) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

fn keep_documents(whose: &Whose, failure: Failure) -> Outcome {
    say(
        highwater_log_level::Warning,
        &format!(
            "{} keeps its documents: {}",
            whose.name(),
            failure.message()
        ),
    );
    Err(failure)
}

fn leave_out_refused(whose: &Whose, failure: Failure) -> Outcome {
    say(
        highwater_log_level::Error,
        &format!(
            "{} goes on without refused documents, what they forbid is NOT enforced: {}",
            whose.name(),
            failure.message()
        ),
    );
    Ok(())
}

/// The tenants that documents are published for.
enum Whose {
    One(TenantId),
    Any,
}

impl Whose {
    fn name(&self) -> String {
        match self {
            Whose::One(tenant) => format!("tenant `{tenant}`"),
            Whose::Any => "every tenant without documents of its own".to_owned(),
        }
    }
}

/// # Safety
/// - `tenant` is null or valid for reading `length` bytes.
unsafe fn whose(tenant: *const c_char, length: usize) -> Outcome<Whose> {
    // SAFETY: the caller's promise.
    match unsafe { identifier("tenant", tenant, length) }? {
        any if any.as_str() == "*" => Ok(Whose::Any),
        tenant => Ok(Whose::One(tenant)),
    }
}

fn publish(
    engine: &highwater_engine,
    whose: &Whose,
    model: &TenantModel,
    settings: TenantSettings,
    report: &Report,
) -> Outcome<u64> {
    let version = match whose {
        Whose::One(tenant) => engine.engine.publish(tenant.clone(), model, settings),
        Whose::Any => engine.engine.publish_for_any_tenant(model, settings),
    }
    .map_err(|error| Failure::new(highwater_status::SnapshotTooLarge, error.to_string()))?;
    say(
        highwater_log_level::Information,
        &format!(
            "published version {version} for {}: {} policies enforced, {} warnings",
            whose.name(),
            report.policies.enabled,
            report.warnings.len()
        ),
    );
    Ok(version)
}
