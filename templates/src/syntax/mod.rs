//! From template text to a tree: the lexer, the parser and what they share.

pub(crate) mod lexer;
pub(crate) mod literal;
pub(crate) mod parser;
pub(crate) mod tree;
