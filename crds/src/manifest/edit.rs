//! Changes within the text of a manifest, which stays as it is around them.
//!
//! Format, comments, order, quotes, indentation, line endings, byte order mark and everything that
//! no edit names keep their bytes, so that a line-by-line comparison shows what changed and
//! nothing else. What comes out is read again and compared with what was meant. A document in
//! which that fails is written anew as a whole, which the result says; if that fails too, it is an
//! error. No text is ever returned that means anything else than the edits say.
//!
//! - `layout`: where everything stands in the text;
//! - `splice`, `flow`: an edit to replacements of text, in blocks and in braces;
//! - `lines`: lines around a place;
//! - `quote`: strings as YAML;
//! - `tree`: what an edit means.

mod flow;
mod layout;
mod lines;
mod quote;
mod splice;
mod tree;

use std::ops::Range;

use super::compose::compose_with_anchors;
use super::node::{Node, Position};
use super::stream::{Document, ReadError, read};
use super::write::{to_json, to_yaml};
use splice::{Plan, Splice};

/// One change to one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The document's number in the stream, from one, as [`Document::number`] has it.
    pub document: usize,
    /// The way from the document's root to what changes.
    pub path: Vec<Step>,
    /// What happens there.
    pub change: Change,
}

/// A step into a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the value of this key of a map.
    Field(String),
    /// To this item of a list, from zero.
    Item(usize),
}

/// What happens at the end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A string takes the place of what is there. Missing keys on the way are made, and a null on
    /// the way becomes a map.
    Set(String),
    /// The key, which must be there, goes with its value.
    Remove,
}

/// The text after all edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// Documents that could not be edited in place, and were written anew without their comments.
    pub rewritten: Vec<usize>,
}

/// Why nothing was edited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The text can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no document of this number.
    #[error("there is no document {0}")]
    NoDocument(usize),
    /// An edit doesn't fit its document.
    #[error("document {document}: cannot change {path}: {problem}")]
    Misfit {
        /// The document.
        document: usize,
        /// The path of the edit.
        path: String,
        /// Why it doesn't fit.
        problem: EditProblem,
    },
    /// The document can be changed neither in place nor by writing it anew.
    #[error("document {document} is written in a way that cannot be changed safely")]
    Unsafe {
        /// The document.
        document: usize,
    },
}

/// Why an edit doesn't fit its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditProblem {
    /// A field of something that has none.
    #[error("{position}: expected a map")]
    NotAMap {
        /// Where that stands.
        position: Position,
    },
    /// An item of something that is no list.
    #[error("{position}: expected a list")]
    NotAList {
        /// Where that stands.
        position: Position,
    },
    /// What is to be removed, or a list's item, isn't there.
    #[error("no such place")]
    NoSuchPlace,
}

impl Edit {
    /// Puts `text` at `path`, a chain of keys.
    pub fn set<'key>(
        document: usize,
        path: impl IntoIterator<Item = &'key str>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            document,
            path: fields(path),
            change: Change::Set(text.into()),
        }
    }

    /// Removes the last of a chain of keys.
    pub fn remove<'key>(document: usize, path: impl IntoIterator<Item = &'key str>) -> Self {
        Self {
            document,
            path: fields(path),
            change: Change::Remove,
        }
    }
}

fn fields<'key>(path: impl IntoIterator<Item = &'key str>) -> Vec<Step> {
    path.into_iter()
        .map(|key| Step::Field(key.to_owned()))
        .collect()
}

/// Makes the edits, in order, in a text of JSON or YAML documents.
///
/// ```
/// use sealed_secrets_crds::manifest::{Edit, edit};
///
/// let text = "# ours\nspec:\n  encryptedData:\n    user: AgA=   # since May\n";
/// let edits = [
///     Edit::set(1, ["spec", "encryptedData", "user"], "AgB="),
///     Edit::set(1, ["spec", "encryptedData", "password"], "AgC="),
/// ];
/// let edited = edit(text, &edits)?;
/// assert_eq!(
///     edited.text,
///     "# ours\nspec:\n  encryptedData:\n    user: AgB=   # since May\n    password: AgC=\n",
/// );
/// # Ok::<(), sealed_secrets_crds::manifest::EditError>(())
/// ```
///
/// # Errors
/// The text can't be read, an edit doesn't fit, or a document can't be changed.
pub fn edit(text: &str, edits: &[Edit]) -> Result<Edited, EditError> {
    let documents = read(text.as_bytes())?;
    let mut wanted: Vec<Node> = documents.iter().map(|one| one.node.clone()).collect();
    for edit in edits {
        let node = edit
            .document
            .checked_sub(1)
            .and_then(|index| wanted.get_mut(index))
            .ok_or(EditError::NoDocument(edit.document))?;
        tree::apply(node, &edit.path, &edit.change).map_err(|problem| EditError::Misfit {
            document: edit.document,
            path: title(&edit.path),
            problem,
        })?;
    }

    let mut edited = Edited {
        text: text.to_owned(),
        rewritten: Vec::new(),
    };
    // From the last one on, so that the places of those before stay right.
    for piece in pieces(&documents, &wanted).iter().rev() {
        let mut source = text.get(piece.range.clone()).unwrap_or_default().to_owned();
        for number in piece.numbers.clone() {
            let edits: Vec<&Edit> = edits.iter().filter(|one| one.document == number).collect();
            if !edits.is_empty() {
                source = piece.edit(&source, number, &edits, &mut edited.rewritten)?;
            }
        }
        edited.text.replace_range(piece.range.clone(), &source);
    }
    edited.rewritten.sort_unstable();
    let after = read(edited.text.as_bytes())?;
    match first_difference(&after, &wanted) {
        None => Ok(edited),
        Some(index) => Err(EditError::Unsafe {
            document: index + 1,
        }),
    }
}

/// A part of the text that can be changed by itself: a JSON object, or what stands between two
/// `---` lines.
struct Piece<'tree> {
    range: Range<usize>,
    is_json: bool,
    /// The documents in it: more than one only where `...` lines end them.
    numbers: Range<usize>,
    /// What each of them is to be in the end.
    wanted: &'tree [Node],
}

fn pieces<'tree>(documents: &[Document], wanted: &'tree [Node]) -> Vec<Piece<'tree>> {
    let mut pieces: Vec<Piece<'tree>> = Vec::new();
    for document in documents {
        match pieces.last_mut() {
            Some(last) if last.range == document.source => last.numbers.end = document.number + 1,
            _ => pieces.push(Piece {
                range: document.source.clone(),
                is_json: document.is_json,
                numbers: document.number..document.number + 1,
                wanted: &[],
            }),
        }
    }
    for piece in &mut pieces {
        let (first, end) = (piece.numbers.start - 1, piece.numbers.end - 1);
        piece.wanted = wanted.get(first..end).unwrap_or_default();
    }
    pieces
}

impl Piece<'_> {
    /// The piece with one of its documents edited: in place, or else written anew.
    fn edit(
        &self,
        source: &str,
        number: usize,
        edits: &[&Edit],
        rewritten: &mut Vec<usize>,
    ) -> Result<String, EditError> {
        let index = number - self.numbers.start;
        let failed = || EditError::Unsafe { document: number };
        let wanted = self.wanted.get(index).ok_or_else(failed)?;
        let holds = |text: &String| {
            let documents = read(text.as_bytes()).unwrap_or_default();
            documents.len() == self.numbers.len()
                && documents
                    .get(index)
                    .is_some_and(|document| tree::same(&document.node, wanted))
        };
        if let Some(new) = in_place(source, index, self.is_json, edits).filter(holds) {
            return Ok(new);
        }
        if self.numbers.len() > 1 {
            return Err(failed());
        }
        rewritten.push(number);
        anew(wanted, source, self.is_json)
            .filter(holds)
            .ok_or_else(failed)
    }
}

/// The text with all edits made, one round of parsing and splicing after another.
fn in_place(source: &str, index: usize, is_json: bool, edits: &[&Edit]) -> Option<String> {
    let mut text = source.to_owned();
    let mut rest = last_of_each_path(edits);
    let mut rounds = 0;
    while !rest.is_empty() {
        let documents = layout::documents(&text)?;
        let root = documents
            .iter()
            .filter(|part| part.is_document())
            .nth(index)?;
        let planner = splice::Planner::new(&text, root, is_json);
        let mut splices = Vec::new();
        let mut done = 0;
        for edit in &rest {
            match planner.plan(edit)? {
                Plan::Expand(aliases) if done == 0 => {
                    splices = expansions(&text, &aliases)?;
                    break;
                }
                Plan::Alone(alone) if done == 0 => {
                    splices = alone;
                    done = 1;
                    break;
                }
                Plan::Together(more) => {
                    splices.extend(more);
                    done += 1;
                }
                Plan::Again(more) if done == 0 => {
                    splices = more;
                    break;
                }
                _ => break,
            }
        }
        rest.drain(..done);
        text = splice::apply(&text, splices)?;
        rounds += 1;
        // Each round makes an edit, or a change that comes once before it.
        if rounds > 3 * edits.len() + 100 {
            return None;
        }
    }
    Some(text)
}

/// Of edits to one place the last counts, as long as no other edit lies between.
fn last_of_each_path<'edit>(edits: &[&'edit Edit]) -> Vec<&'edit Edit> {
    let mut kept: Vec<&Edit> = Vec::new();
    for edit in edits {
        if let Some(last) = kept.last_mut().filter(|last| last.path == edit.path) {
            *last = edit;
        } else {
            kept.push(edit);
        }
    }
    kept
}

/// What aliases stand for, written out in their place.
fn expansions(text: &str, aliases: &[(Range<usize>, usize)]) -> Option<Vec<Splice>> {
    let (_, anchors) = compose_with_anchors(text, 1).ok()?;
    aliases
        .iter()
        .map(|(at, anchor)| {
            Some(Splice {
                at: at.clone(),
                text: quote::flow(anchors.get(anchor)?),
            })
        })
        .collect()
}

/// The document written anew.
fn anew(node: &Node, source: &str, is_json: bool) -> Option<String> {
    if is_json {
        return to_json(node).ok().map(|text| text.trim_end().to_owned());
    }
    let text = to_yaml(node).ok()?;
    Some(match source.contains("\r\n") {
        true => text.replace('\n', "\r\n"),
        false => text,
    })
}

fn first_difference(documents: &[Document], wanted: &[Node]) -> Option<usize> {
    if documents.len() != wanted.len() {
        return Some(documents.len().min(wanted.len()));
    }
    documents
        .iter()
        .zip(wanted)
        .position(|(document, wanted)| !tree::same(&document.node, wanted))
}

/// A path as messages have it: `spec.encryptedData.password`.
fn title(path: &[Step]) -> String {
    let mut title = String::new();
    for step in path {
        match step {
            Step::Field(name) if title.is_empty() => title.push_str(name),
            Step::Field(name) => title.extend([".", name]),
            Step::Item(index) => title.push_str(&format!("[{index}]")),
        }
    }
    title
}

#[cfg(test)]
mod tests;
