//! The syntax tree. Nodes live in flat tables and refer to each other by number, so that no
//! template, however deep, needs a deep stack to be built or dropped.

use std::collections::HashMap;
use std::ops::Range;

use super::literal::Number;
use crate::value::Str;

/// A template and those defined in it.
pub(crate) struct Tree {
    pub(crate) statements: Vec<Statement>,
    pub(crate) lists: Vec<Vec<u32>>,
    pub(crate) pipes: Vec<Pipe>,
    pub(crate) commands: Vec<Command>,
    pub(crate) arguments: Vec<u32>,
    pub(crate) expressions: Vec<Expression>,
    pub(crate) strings: Vec<Str>,
    pub(crate) numbers: Vec<Number>,
    /// Runs of field names of expressions like `.a.b.c`.
    pub(crate) fields: Vec<Str>,
    /// The names behind [`Symbol`].
    pub(crate) symbols: Vec<Str>,
    /// Root list by template name.
    pub(crate) templates: HashMap<Vec<u8>, u32>,
}

/// The name of a variable; `$` is 0.
pub(crate) type Symbol = u32;

/// Something that runs: text, an action or a block. Positions are byte offsets.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Text(Range<u32>),
    Action {
        pipe: u32,
    },
    If {
        pipe: u32,
        then: u32,
        otherwise: Option<u32>,
    },
    With {
        pipe: u32,
        then: u32,
        otherwise: Option<u32>,
    },
    Range {
        pipe: u32,
        body: u32,
        otherwise: Option<u32>,
    },
    Template {
        pos: u32,
        name: u32,
        pipe: Option<u32>,
    },
    Break,
    Continue,
}

/// Commands joined by `|`, with the variables they set.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) pos: u32,
    /// `=` rather than `:=`.
    pub(crate) assign: bool,
    pub(crate) declared: [Option<Symbol>; 2],
    /// In [`Tree::commands`].
    pub(crate) commands: Range<u32>,
}

/// A function or value with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// In [`Tree::arguments`]; the first is the command itself.
    pub(crate) arguments: Range<u32>,
}

/// An operand.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) pos: u32,
    pub(crate) kind: Kind,
}

/// What an operand is. Ranges are in [`Tree::fields`].
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Dot,
    Nil,
    Bool(bool),
    Number(u32),
    Str(u32),
    Field(Range<u32>),
    Variable(Symbol, Range<u32>),
    Function(u16),
    Pipe(u32),
    Chain(u32, Range<u32>),
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self {
            statements: Vec::new(),
            lists: Vec::new(),
            pipes: Vec::new(),
            commands: Vec::new(),
            arguments: Vec::new(),
            expressions: Vec::new(),
            strings: Vec::new(),
            numbers: Vec::new(),
            fields: Vec::new(),
            symbols: Vec::new(),
            templates: HashMap::new(),
        }
    }

    /// Whether a list holds nothing but space.
    pub(crate) fn is_empty(&self, list: u32, text: &[u8]) -> bool {
        self.lists[list as usize]
            .iter()
            .all(|&id| match &self.statements[id as usize] {
                Statement::Text(range) => {
                    let bytes = &text[range.start as usize..range.end as usize];
                    crate::go::runes::trim_space(bytes).is_empty()
                }
                _ => false,
            })
    }
}
