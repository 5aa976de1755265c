//! Several templates over the same values, from one budget.
//!
//! Each template keeps to the limits of one; all of them together keep to those of the whole, so
//! that a thousand templates that each do what one may do don't take a thousand times as long.

use crate::environment::Environment;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::value::{self, Map, MapKind, Str, Value};
use crate::{Values, exec, meter, tree};

/// Renders templates over the same values.
pub struct Renderer<'e> {
    values: Vec<(Str, Value)>,
    environment: &'e mut Environment,
    each: Limits,
    left: Limits,
    used_chance: bool,
    // Dropped last: it counts what the others hold.
    _scope: meter::Scope,
}

impl<'e> Renderer<'e> {
    /// The default [`Limits`] for each template, and [`Limits::for_all`] for all of them.
    pub fn new(values: &Values, environment: &'e mut Environment) -> Self {
        Self::with_limits(values, environment, Limits::default(), Limits::for_all())
    }

    /// Limits for each template, and for all of them.
    pub fn with_limits(
        values: &Values,
        environment: &'e mut Environment,
        each: Limits,
        all: Limits,
    ) -> Self {
        let scope = meter::Scope::begin();
        let values = values
            .iter()
            .map(|(key, value)| (key.as_str().into(), Value::str(value.clone())))
            .collect();
        Self {
            values,
            environment,
            each,
            left: all,
            used_chance: false,
            _scope: scope,
        }
    }

    /// Renders `template`, called `name` in errors, with the values under `.`.
    ///
    /// # Errors
    /// Where Go's `text/template` fails to parse or to execute the template, and where the template
    /// goes beyond its limits, or what others left of those of the whole.
    pub fn render(&mut self, name: &str, template: &str) -> Result<Vec<u8>, Error> {
        self.used_chance = false;
        // Go copies text to the output as it is, too.
        if !template.contains("{{") {
            return self.text(name, template);
        }
        // A small part of a step for each value that the template is given.
        let given = self.values.len() as u64 / 8 + 1;
        self.left.steps = self
            .left
            .steps
            .checked_sub(given)
            .ok_or_else(|| too_much(name))?;
        let limits = self.each.at_most(&self.left);
        let tree = tree(name, template, &limits)?;
        let data = Map::from_entries(MapKind::Str, self.values.iter().cloned());
        self.environment.take_asked();
        let (result, left) = exec::execute(
            name,
            template.as_bytes(),
            &tree,
            Value::Map(data),
            self.environment,
            &limits,
        );
        self.used_chance = self.environment.take_asked();
        value::break_cycles();
        self.left.take(&limits, &left);
        if let Ok(output) = &result {
            self.left.output = self.left.output.saturating_sub(output.len());
        }
        result
    }

    /// Whether the template rendered last asked for the time or for chance, so that rendering it
    /// again may give something else.
    #[must_use]
    pub fn used_chance(&self) -> bool {
        self.used_chance
    }

    fn text(&mut self, name: &str, text: &str) -> Result<Vec<u8>, Error> {
        let room = self.each.at_most(&self.left).output;
        if text.len() > room || text.len() > self.each.template {
            return Err(too_much(name));
        }
        self.left.output -= text.len();
        Ok(text.as_bytes().to_vec())
    }
}

fn too_much(name: &str) -> Error {
    let what = "the templates do too much work together";
    Error::new(ErrorKind::Limit, name, (1, 0), None, what)
}
