//! What a function is, and what it can reach while it runs.

use std::collections::HashMap;
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::environment::Environment;
use crate::fault::{Fault, Meter};
use crate::regexp::Regex;
use crate::time::{Time, Zone};
use crate::value::{Type, Value};

/// Bytes erased when they are dropped.
type Erased = Zeroizing<Vec<u8>>;

/// What every function is given beside its arguments.
pub(crate) struct Cx<'e> {
    pub(crate) meter: Meter,
    pub(crate) environment: &'e mut Environment,
    zones: HashMap<Vec<u8>, Option<Zone>>,
    pub(crate) regexes: HashMap<Vec<u8>, Rc<Regex>>,
    /// Keys derived by scrypt, by password and salt.
    pub(crate) derived: Vec<(Erased, Erased)>,
}

impl<'e> Cx<'e> {
    pub(crate) fn new(meter: Meter, environment: &'e mut Environment) -> Self {
        Self {
            meter,
            environment,
            zones: HashMap::new(),
            regexes: HashMap::new(),
            derived: Vec::new(),
        }
    }

    pub(crate) fn now(&mut self) -> Time {
        Time::system(self.environment.now())
    }

    /// `time.LoadLocation`, remembered.
    pub(crate) fn zone(&mut self, name: &[u8]) -> Result<Option<Zone>, Fault> {
        if let Some(zone) = self.zones.get(name) {
            return Ok(zone.clone());
        }
        // Reading a zone's rules costs about as much as a few hundred nodes.
        self.meter.spend(200)?;
        let zone = Zone::load(name);
        if self.zones.len() < 64 {
            self.zones.insert(name.to_vec(), zone.clone());
        }
        Ok(zone)
    }
}

type Body = fn(&mut Cx<'_>, &[Value]) -> Result<Value, Fault>;

/// A function of the template language, or a method.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The types of the parameters; of a variadic function, the last is that of each further
    /// argument. The receiver of a method is not among them.
    pub(crate) parameters: &'static [Type],
    pub(crate) variadic: bool,
    pub(crate) body: Body,
}

impl Function {
    /// A function of a fixed number of parameters. The body can rely on their types; a method
    /// finds its receiver before them.
    pub(crate) const fn new(name: &'static str, parameters: &'static [Type], body: Body) -> Self {
        Self {
            name,
            parameters,
            variadic: false,
            body,
        }
    }

    /// A function whose last parameter takes any number of arguments.
    pub(crate) const fn variadic(
        name: &'static str,
        parameters: &'static [Type],
        body: Body,
    ) -> Self {
        Self {
            name,
            parameters,
            variadic: true,
            body,
        }
    }
}
