package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCandidates(t *testing.T) {
	tests := []struct {
		line string // the last word, perhaps empty, is unfinished
		want []string
	}{
		{"re", []string{"record\tRecord a program into one file", ":none"}},
		{"-q re", []string{"record\tRecord a program into one file", ":none"}},
		{"--color always re", []string{"record\tRecord a program into one file", ":none"}},
		{"module ", []string{"ls\tList the modules", ":none"}},
		{"module ls ", []string{":files .arrow"}},
		{"module ls a b ", []string{":files .arrow"}},
		{"record ", []string{":files .wasm"}},
		{"record a.wasm ", []string{":none"}},
		{"record -t x ", []string{":files .wasm"}},
		{"record -qt ", []string{":files .arrow .jsonl"}},
		{"record -tx ", []string{":files .wasm"}},
		{"record --trace ", []string{":files .arrow .jsonl"}},
		{"record --trace=x", []string{":files .arrow .jsonl"}},
		{"record --mount ", []string{":dirs"}},
		{"record --env ", []string{":none"}},
		{"record --eng", []string{"--engine\tengine that runs the guest", ":none"}},
		{"record --engine ", []string{"compiler", "interpreter", ":none"}},
		{"record --engine=i", []string{"--engine=interpreter", ":none"}},
		{"record --nonsense=i", []string{":none"}},
		{"record a.wasm -- --en", []string{":files"}},
		{"inspect --engine ", []string{":files .arrow"}},
		{"inspect a.arrow ", []string{"left", "right", ":none"}},
		{"inspect a.arrow l", []string{"left", ":none"}},
		{"inspect -o json", []string{"json", "jsonl", ":none"}},
		{"inspect -- -", []string{":files .arrow"}},
		{"nonsense re", []string{":none"}},
		{"completion ", []string{"bash", "zsh", "fish", ":none"}},
		{"completion bash ", []string{":none"}},
		{"help mod", []string{"module\tWork with the modules of a trace", ":none"}},
		{"help module ", []string{"ls\tList the modules", ":none"}},
		{"help fi", []string{"filters\tHow events are chosen", ":none"}},
		{"man fi", []string{":none"}},
		{"record -qx ", []string{":files .wasm"}},
		{"record --nonsense ", []string{":files .wasm"}},
		{"record --debug ", []string{":files .wasm"}},
		{"record --int", []string{":none"}},
		{"record a.wasm -- x ", []string{":files"}},
		{"help nonsense ", []string{":none"}},
		{"nonsense module ", []string{":none"}},
		{"--vers", []string{"--version\tshow the version", ":none"}},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			got := run(t.Context(), append([]string{completeVerb}, strings.Split(tt.line, " ")...)...)
			if diff := cmp.Diff(tt.want, strings.Split(strings.TrimSpace(got.out), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shellTests are typed into every shell in a folder that holds a.arrow,
// b.arrow, prog.wasm, notes.txt and the directory sub.
var shellTests = []struct {
	line string
	want []string
}{
	{"tracetool rec", []string{"record"}},
	{"tracetool module ", []string{"ls"}},
	{"tracetool -q mod", []string{"module"}},
	{"tracetool record ", []string{"prog.wasm", "sub"}},
	{"tracetool record --mount ", []string{"sub"}},
	{"tracetool record --max", []string{"--max-memory"}},
	{"tracetool record prog.wasm -- no", []string{"notes.txt"}},
	{"tracetool inspect ", []string{"a.arrow", "b.arrow", "sub"}},
	{"tracetool inspect a.arrow le", []string{"left"}},
	{"tracetool inspect -o js", []string{"json", "jsonl"}},
	{"tracetool inspect --output=y", []string{"--output=yaml"}},
	{"tracetool record --trace=a", []string{"--trace=a.arrow"}},
	{"tracetool record --mount a::b pr", []string{"prog.wasm"}},
	{"tracetool record --env A=B --engine=i", []string{"--engine=interpreter"}},
	{"tracetool nonsense ", nil},
}

// shellFixture is a folder to complete in, with the fake app as tracetool in
// bin.
func shellFixture(t *testing.T) (dir string, env []string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no shells to complete in on Windows")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(bin, "tracetool")); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, name := range []string{"a.arrow", "b.arrow", "prog.wasm", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), asApp+"=1", "HOME="+dir, "TERM=dumb",
		"GORACE=atexit_sleep_ms=0") // the race detector holds up every process that ends
	return dir, env
}

func needShell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func runShell(t *testing.T, dir string, env []string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, env
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", argv[:2], err, &errOut)
	}
	return string(out)
}

// bashDriver sets what bash sets for a completion function and prints what that
// answers. Bash itself splits the line, with COMP_WORDBREAKS as it is.
const bashDriver = `
eval "$(tracetool completion bash)"
COMP_LINE=$1 COMP_POINT=${#1}
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_tracetool
printf '%s\n' "${COMPREPLY[@]}"
`

// bashWords splits a line as readline does for completion: at blanks, and runs
// of = and : are words of their own.
func bashWords(line string) []string {
	var words []string
	for _, field := range strings.Split(line, " ") {
		word, breaks := "", false
		for _, r := range field {
			if isBreak := r == '=' || r == ':'; word != "" && isBreak != breaks {
				words, word, breaks = append(words, word), "", isBreak
			} else {
				breaks = isBreak
			}
			word += string(r)
		}
		words = append(words, word)
	}
	return words
}

func TestBashCompletion(t *testing.T) {
	bash := needShell(t, "bash")
	dir, env := shellFixture(t)
	for _, tt := range shellTests {
		t.Run(tt.line, func(t *testing.T) {
			argv := append([]string{bash, "-c", bashDriver, "bash", tt.line}, bashWords(tt.line)...)
			got := strings.Fields(runShell(t, dir, env, argv...))
			slices.Sort(got)
			// Bash replaces only what follows the =.
			want := slices.Clone(tt.want)
			for i, w := range want {
				want[i] = w[strings.Index(w, "=")+1:]
			}
			if !slices.Equal(want, got) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestFishCompletion(t *testing.T) {
	fish := needShell(t, "fish")
	dir, env := shellFixture(t)
	for _, tt := range shellTests {
		t.Run(tt.line, func(t *testing.T) {
			script := "tracetool completion fish | source; complete -C " + fmt.Sprintf("%q", tt.line)
			var got []string
			for _, line := range strings.Split(runShell(t, dir, env, fish, "--no-config", "-c", script), "\n") {
				if word, _, _ := strings.Cut(line, "\t"); word != "" {
					got = append(got, strings.TrimSuffix(word, "/"))
				}
			}
			slices.Sort(got)
			if !slices.Equal(tt.want, got) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// zshDriver stands in for the completion system, which needs a terminal: the
// functions that would show candidates print them.
const zshDriver = `
compdef() { }
_describe() { local -a list; list=("${(@P)2}"); print -rl -- "${(@)${(@)list//\\:/$'\x01'}%%:*}" | tr '\001' ':' }
compset() { lead=${PREFIX%%=*}= PREFIX=${PREFIX#*=} }
_files() {
    setopt localoptions nullglob extendedglob
    local -a found
    case $1 in
    -/) found=(${PREFIX}*(/)) ;;
    -g) found=(${PREFIX}*(/) ${~2}); found=(${(M)found:#$PREFIX*}) ;;
    *) found=(${PREFIX}*) ;;
    esac
    print -rl -- $lead${^found}
}
source <(tracetool completion zsh)
words=("$@") CURRENT=$# PREFIX=${@[-1]} lead=
_tracetool
`

func TestZshCompletion(t *testing.T) {
	zsh := needShell(t, "zsh")
	dir, env := shellFixture(t)
	for _, tt := range shellTests {
		t.Run(tt.line, func(t *testing.T) {
			argv := append([]string{zsh, "-f", "-c", zshDriver, "zsh"}, strings.Split(tt.line, " ")...)
			got := strings.Fields(runShell(t, dir, env, argv...))
			slices.Sort(got)
			if !slices.Equal(tt.want, slices.Compact(got)) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
