// Package commandlines finds the command lines of a program in what people copy
// them from: the code blocks of documents, scripts, and lines of units. Tests give
// them to the program's own parser, so that no page shows a command that there
// is not.
//
// It knows as much of a shell as our documents use: quotes, comments, lines that
// go on, chains, pipes and redirections. What a command means is the program's.
package commandlines

import (
	"path"
	"strings"
)

// Line is a command line and where it stands, counted from 1.
type Line struct {
	Number int
	Args   []string // without the program
}

// Markdown returns the command lines of a program in the code blocks of a
// document, fenced or indented.
func Markdown(text, program string) []Line {
	var code strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case fence != "" && trimmed == fence:
			fence = ""
		case fence == "" && (strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~")):
			fence = trimmed[:3]
		case fence != "" || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t"):
			code.WriteString(strings.TrimRight(line, "\n"))
		}
		code.WriteByte('\n') // lines keep their numbers
	}
	return Shell(code.String(), program)
}

// Shell returns the command lines of a program in a script.
func Shell(text, program string) []Line {
	var found []Line
	number, start, open := 0, 0, ""
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\n")
		if open == "" {
			start = number
		}
		if head, goesOn := strings.CutSuffix(line, `\`); goesOn {
			open += head + " "
			continue
		}
		for _, words := range commands(open + line) {
			if args, ok := argsOf(words, program); ok {
				found = append(found, Line{start, args})
			}
		}
		open = ""
	}
	return found
}

// commands divides a line into commands and these into words. A redirection and
// its file are left out, and so is a comment.
func commands(line string) [][]string {
	var all [][]string
	var words []string
	var word strings.Builder
	inWord, skip := false, false
	endWord := func() {
		if inWord && !skip {
			words = append(words, word.String())
		}
		skip = skip && !inWord
		inWord = false
		word.Reset()
	}
	endCommand := func() {
		endWord()
		if len(words) > 0 {
			all = append(all, words)
		}
		words = nil
	}
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; r {
		case '\'', '"':
			inWord = true
			for i++; i < len(runes) && runes[i] != r; i++ {
				word.WriteRune(runes[i])
			}
		case ' ', '\t':
			endWord()
		case '#':
			if !inWord {
				endCommand()
				return all
			}
			word.WriteRune(r)
		case '|', '&', ';', '(', ')':
			endCommand()
		case '>', '<':
			if word.String() == "2" { // the number of what is redirected
				word.Reset()
				inWord = false
			}
			endWord()
			skip = true
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	endCommand()
	return all
}

// argsOf returns the arguments of a command if it is one of the program, called by
// its name or path, through sudo, with variables before it, or by go run.
func argsOf(words []string, program string) (args []string, ok bool) {
	for len(words) > 0 {
		name, _, assigned := strings.Cut(words[0], "=")
		switch {
		case assigned && name != "" && !strings.ContainsAny(name, "-/"):
			words = words[1:]
		case words[0] == "sudo" && len(words) > 3 && words[1] == "-u":
			words = words[3:]
		case words[0] == "sudo" || words[0] == "exec":
			words = words[1:]
		case words[0] == "go" && len(words) > 2 && words[1] == "run":
			words = words[2:]
		default:
			return words[1:], path.Base(words[0]) == program
		}
	}
	return nil, false
}
