/** CodeMirror with what this interface needs of it; a chunk of its own. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import { EditorView, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export interface EditorOptions {
  text: string;
  form: 'json' | 'yaml';
  label: string;
  readonly: boolean;
  changed: (text: string) => void;
}

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
  { tag: tags.string, color: 'var(--ok)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--pending)' },
  { tag: tags.comment, color: 'var(--fg-2)' },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

const LOOK = EditorView.theme({
  '&': { color: 'var(--fg-0)', backgroundColor: 'transparent', fontSize: '12px' },
  '.cm-content': { fontFamily: 'var(--mono)', caretColor: 'var(--fg-0)' },
  '.cm-gutters': { backgroundColor: 'var(--bg-0)', color: 'var(--fg-2)', borderRight: '1px solid var(--line)' },
  '&.cm-focused': { outline: '2px solid var(--accent)' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { backgroundColor: 'var(--accent-soft)' },
});

/** Tab leaves the editor: no trap for the keyboard. */
export function makeEditor(root: ShadowRoot, options: EditorOptions): EditorView {
  return new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(),
        history(),
        indentOnInput(),
        bracketMatching(),
        lintGutter(),
        syntaxHighlighting(COLOURS),
        options.form === 'json' ? json() : yaml(),
        // Ctrl+Enter saves the form that the editor is in.
        keymap.of([...defaultKeymap.filter((binding) => binding.key !== 'Mod-Enter'), ...historyKeymap, ...searchKeymap]),
        EditorState.readOnly.of(options.readonly),
        EditorView.contentAttributes.of({ 'aria-label': options.label, tabindex: '0' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.changed(update.state.doc.toString());
        }),
        LOOK,
      ],
    }),
  });
}

export function mark(view: EditorView, faults: readonly { at: number; message: string }[]): void {
  const length = view.state.doc.length;
  const shown = faults.map(({ at, message }) => ({ from: Math.min(at, length), to: Math.min(at + 1, length), severity: 'error' as const, message }));
  view.dispatch(setDiagnostics(view.state, shown));
}
