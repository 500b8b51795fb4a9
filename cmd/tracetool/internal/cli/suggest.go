package cli

import (
	"slices"
	"strings"
)

// didYouMean is a hint at the candidates nearest to word, empty where none is
// near.
func didYouMean(word string, candidates []string) string {
	near := suggest(word, candidates)
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + orList(near) + "?"
}

// suggest returns up to three candidates that word may be a slip of: the ones
// at the smallest edit distance, if that is at most a third of its length, else
// the ones it begins.
func suggest(word string, candidates []string) []string {
	bare := strings.TrimLeft(word, "-")
	best, limit := []string(nil), max(1, len(bare)/3)
	var begins []string
	for _, c := range candidates {
		switch d := editDistance(word, c); {
		case d < limit || d == limit && best == nil:
			best, limit = []string{c}, d
		case d == limit:
			best = append(best, c)
		}
		if len(bare) > 1 && strings.HasPrefix(c, word) {
			begins = append(begins, c)
		}
	}
	if best == nil {
		best = begins
	}
	best = slices.Compact(best)
	return best[:min(len(best), 3)]
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours between a and b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// orList is "a", "a or b", "a, b or c".
func orList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
