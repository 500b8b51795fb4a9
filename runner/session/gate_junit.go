package session

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of a report in JUnit's form.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Failure *junitOutcome `xml:"failure"`
		Error   *junitOutcome `xml:"error"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes reports as one suite of tests in JUnit's XML, each trace a
// test.
func WriteJUnit(w io.Writer, cases ...GateCase) error {
	suite := junitSuite{Name: "session gate", Tests: len(cases)}
	for i := range cases {
		c := junitCase{Class: "session", Name: cases[i].Name}
		switch r := cases[i].Report; {
		case r == nil:
			suite.Errors++
			c.Error = &junitOutcome{Message: cases[i].Error}
		case !r.Passed:
			suite.Failures++
			c.Failure = failureOf(&cases[i])
		}
		suite.Cases = append(suite.Cases, c)
	}
	out, err := xml.MarshalIndent(junitSuites{Suite: suite}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, out)
	return err
}

func failureOf(c *GateCase) *junitOutcome {
	p := page{}
	p.gate(c)
	d := c.Report.Difference
	message := fmt.Sprintf("frame %d of %d: %s", d.Frame, c.Report.Frames, d.What)
	return &junitOutcome{Message: message, Text: strings.TrimSpace(p.String())}
}
