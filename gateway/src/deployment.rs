//! From the command line to an engine: documents, settings and issuers, read and published.

use std::path::{Path, PathBuf};

use highwater::compile::{Documents, Report};
use highwater::engine::Engine;
use highwater::identifier::TenantId;
use highwater::model::TenantModel;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::{IssuerProfile, IssuerProfiles};

use crate::config::{Configuration, TenantSection, Whose};
use crate::failure::Failure;
use crate::input::documents;
use crate::output::{WARN, count, paint, say};

/// Where documents and settings come from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Sources {
    /// A folder with highwater.toml, and events.jsonl and requests.jsonl unless given apart
    #[arg(value_name = "FOLDER", conflicts_with_all = ["config", "documents"])]
    folder: Option<PathBuf>,
    /// Tenants, issuers and settings from a highwater.toml
    #[arg(long, value_name = "FILE", conflicts_with = "documents")]
    config: Option<PathBuf>,
    /// Documents of one tenant, whichever it is: files, or folders with *.json
    #[arg(long, value_name = "PATH", num_args = 1..)]
    documents: Vec<PathBuf>,
    /// Country table for --documents: MaxMind DB (*.mmdb), or lines of country code, tab, prefix
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    country_table: Option<PathBuf>,
    /// MFA trusted IPs for --documents: one prefix to a line
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    trusted_ips: Option<PathBuf>,
    /// Go on without refused documents. DANGEROUS: what they forbid is allowed
    #[arg(long)]
    accept_refused: bool,
}

/// An engine with its documents, and the issuers whose tokens it reads.
pub(crate) struct Deployment {
    /// The engine.
    pub(crate) engine: Engine,
    issuers: IssuerProfiles,
}

/// One tenant's documents, read.
pub(crate) struct ReadTenant {
    /// Whose they are.
    pub(crate) whose: Whose,
    /// What compiled.
    pub(crate) model: TenantModel,
    /// What became of them.
    pub(crate) report: Report,
    settings: TenantSettings,
}

impl Sources {
    /// Reads everything and publishes it.
    ///
    /// # Errors
    /// Refused documents too, unless they were accepted: a policy that is missing allows what
    /// it forbids.
    pub(crate) fn deploy(&self) -> Result<Deployment, Failure> {
        let configuration = self.configuration()?;
        let tenants = self.read(configuration.as_ref(), false)?;
        refuse_or_warn(&tenants, self.accept_refused)
            .map_err(|error| error.with_remedy("or go on without them: --accept-refused"))?;
        let settings = configuration
            .as_ref()
            .map_or_else(EngineSettings::default, |configuration| {
                configuration.engine.settings()
            });
        let engine = Engine::new(settings);
        for tenant in &tenants {
            tenant.publish_regardless(&engine)?;
        }
        Ok(Deployment {
            engine,
            issuers: issuers(configuration.as_ref()),
        })
    }

    /// A file of the folder on the command line, if both are there.
    pub(crate) fn file_in_folder(&self, name: &str) -> Option<PathBuf> {
        let path = self.folder.as_ref()?.join(name);
        path.exists().then_some(path)
    }

    fn configuration(&self) -> Result<Option<Configuration>, Failure> {
        let path = match (&self.folder, &self.config) {
            (Some(folder), _) => folder.join("highwater.toml"),
            (None, Some(config)) => config.clone(),
            (None, None) if self.documents.is_empty() => {
                return Err(Failure::Input(
                    "nothing to decide by: name a folder with a highwater.toml, or give --config \
                     FILE or --documents PATH"
                        .to_owned(),
                ));
            }
            (None, None) => return Ok(None),
        };
        Configuration::load(&path).map(Some)
    }

    fn read(
        &self,
        configuration: Option<&Configuration>,
        strict: bool,
    ) -> Result<Vec<ReadTenant>, Failure> {
        match configuration {
            Some(configuration) => read_tenants(configuration, strict),
            None => {
                let here = Path::new("");
                let mut read = Documents::new();
                documents::add_paths(&mut read, here, &self.documents)?;
                if let Some(table) = &self.country_table {
                    documents::add_country_table(&mut read, here, table)?;
                }
                if let Some(list) = &self.trusted_ips {
                    documents::add_trusted_ips(&mut read, here, list)?;
                }
                let (model, report) = read.strict(strict).finish();
                Ok(vec![ReadTenant {
                    whose: Whose::Any,
                    model,
                    report,
                    settings: TenantSettings::default(),
                }])
            }
        }
    }
}

/// Reads the documents of every tenant of a configuration.
///
/// # Errors
/// The first tenant whose documents cannot be read.
pub(crate) fn read_tenants(
    configuration: &Configuration,
    strict: bool,
) -> Result<Vec<ReadTenant>, Failure> {
    read_each_tenant(configuration, strict, |_| true, |_, _| Ok(()))
        .into_iter()
        .map(|(_, read)| read)
        .collect()
}

/// Tenants, and what became of reading their documents.
pub(crate) type EachTenant = Vec<(Whose, Result<ReadTenant, Failure>)>;

/// Reads the documents of every tenant of a configuration that `which` wants, each with its own
/// outcome. `add` adds what does not lie in files.
pub(crate) fn read_each_tenant(
    configuration: &Configuration,
    strict: bool,
    which: impl Fn(&Whose) -> bool,
    add: impl Fn(&Whose, &mut Documents) -> Result<(), Failure>,
) -> EachTenant {
    let default = configuration.engine.tenant_settings();
    let read = |tenant: &TenantSection, whose: &Whose| {
        let mut documents = tenant.read(&configuration.folder)?;
        add(whose, &mut documents)?;
        let (model, report) = documents.strict(strict).finish();
        Ok(ReadTenant {
            whose: whose.clone(),
            model,
            report,
            settings: tenant.settings(default.clone()),
        })
    };
    configuration
        .tenants
        .iter()
        .filter_map(|tenant| {
            // Loading has checked the name.
            let whose = tenant.whose().ok().filter(&which)?;
            let read = read(tenant, &whose);
            Some((whose, read))
        })
        .collect()
}

impl ReadTenant {
    /// Publishes what was read. Returns the version of the snapshot.
    ///
    /// # Errors
    /// Refused documents, and models that cannot be compiled; the former snapshot stays.
    pub(crate) fn publish(&self, engine: &Engine) -> Result<u64, Failure> {
        refuse_or_warn(std::slice::from_ref(self), false)?;
        self.publish_regardless(engine)
    }

    /// Publishes what was read as the documents of `tenant`.
    ///
    /// # Errors
    /// As [`ReadTenant::publish`].
    pub(crate) fn publish_as(&self, engine: &Engine, tenant: &TenantId) -> Result<u64, Failure> {
        engine
            .publish(tenant.clone(), &self.model, self.settings.clone())
            .map_err(|error| Failure::Input(error.to_string()))
    }

    /// Publishes what was read, without what was refused.
    fn publish_regardless(&self, engine: &Engine) -> Result<u64, Failure> {
        match &self.whose {
            Whose::One(id) => self.publish_as(engine, id),
            Whose::Any => engine
                .publish_for_any_tenant(&self.model, self.settings.clone())
                .map_err(|error| Failure::Input(error.to_string())),
        }
    }
}

fn refuse_or_warn(tenants: &[ReadTenant], accept: bool) -> Result<(), Failure> {
    let refused: Vec<_> = tenants
        .iter()
        .flat_map(|tenant| &tenant.report.refused)
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    let mut list = String::new();
    for refused in &refused {
        let place = [refused.file.as_str(), &refused.path].join(" ");
        list.push_str(&format!(
            "\n  {}: {}\n    {}",
            place.trim_end(),
            refused.reason,
            refused.remedy
        ));
    }
    let parts = count(refused.len(), "refused part");
    if accept {
        say(format_args!(
            "{} going on without {parts}: what these policies forbid is NOT enforced{list}",
            paint(WARN, "warning:"),
        ));
        return Ok(());
    }
    Err(Failure::Input(format!(
        "{parts} in the documents; without them, what they forbid would be allowed{list}\n\
         correct them"
    )))
}

impl Deployment {
    /// The profile of an issuer.
    pub(crate) fn profile(&self, issuer: &str) -> Option<&IssuerProfile> {
        self.issuers.find(issuer)
    }
}

/// The profiles of the configuration; without one, those that are built in.
fn issuers(configuration: Option<&Configuration>) -> IssuerProfiles {
    let configured = configuration
        .into_iter()
        .flat_map(|configuration| &configuration.issuers)
        .map(|issuer| issuer.profile());
    IssuerProfiles::new(configured.collect())
}
