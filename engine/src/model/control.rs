//! What a policy demands once its conditions match.

use crate::identifier::Identifier;

/// `grantControls`: never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whether all controls are due or one of them.
    pub operator: GrantOperator,
    /// The controls, in the document's order.
    pub controls: Vec<Control>,
}

impl Grant {
    /// Whether the policy blocks: `block` wins over every other control beside it.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.controls.contains(&Control::Block)
    }
}

/// `grantControls.operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantOperator {
    /// All controls must be satisfied.
    And,
    /// One control must be satisfied.
    Or,
}

/// One grant control.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// `block`.
    Block,
    /// `mfa`: evidenced by `mfa` in the token's `amr`.
    Mfa,
    /// `compliantDevice`: judged by the compliance register or the host's signal.
    CompliantDevice,
    /// `domainJoinedDevice`: judged by the host's signal.
    DomainJoinedDevice,
    /// `approvedApplication`.
    ApprovedApplication,
    /// `compliantApplication`.
    CompliantApplication,
    /// `passwordChange`.
    PasswordChange,
    /// `riskRemediation`.
    RiskRemediation,
    /// `authenticationStrength`, by policy id or name.
    AuthenticationStrength(Identifier),
    /// `termsOfUse`, by id.
    TermsOfUse(Identifier),
    /// `customAuthenticationFactors`, by id.
    Custom(Identifier),
    /// A control that this version does not know. Only the issuer can judge it.
    Unknown(String),
}

impl Control {
    /// The control's name in Graph documents.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Control::Block => "block",
            Control::Mfa => "mfa",
            Control::CompliantDevice => "compliantDevice",
            Control::DomainJoinedDevice => "domainJoinedDevice",
            Control::ApprovedApplication => "approvedApplication",
            Control::CompliantApplication => "compliantApplication",
            Control::PasswordChange => "passwordChange",
            Control::RiskRemediation => "riskRemediation",
            Control::AuthenticationStrength(_) => "authenticationStrength",
            Control::TermsOfUse(_) => "termsOfUse",
            Control::Custom(_) => "customAuthenticationFactors",
            Control::Unknown(name) => name,
        }
    }
}

/// `sessionControls`, as far as a resource provider can act on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionControls {
    /// `signInFrequency`, if enabled.
    pub sign_in_frequency: Option<SignInFrequency>,
    /// `continuousAccessEvaluation`.
    pub continuous_access_evaluation: Option<ContinuousAccessEvaluation>,
    /// Other controls that are enabled and left to the issuer, by name.
    pub issuer_controls: Vec<String>,
}

/// `signInFrequency`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignInFrequency {
    /// At the latest this many seconds after the last sign-in.
    Every {
        /// The period in seconds, at least one hour.
        seconds: i64,
    },
    /// `everyTime`: left to the issuer.
    EveryTime,
}

/// `continuousAccessEvaluation.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContinuousAccessEvaluation {
    /// `strictLocation`, and the withdrawn `strictEnforcement`.
    StrictLocation,
    /// `disabled`: location checks are off. Only valid with all applications and no conditions;
    /// elsewhere the reader refuses the document.
    Disabled,
}
