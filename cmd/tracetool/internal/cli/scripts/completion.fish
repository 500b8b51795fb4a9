# fish completion for @NAME@
# Load it with: @NAME@ completion fish | source

function _@FUNC@_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    test (count $cur) -eq 0; and set cur ''
    set -l lead (string match -r -- '^--[^=]*=' $cur)
    set -l path (string replace -r -- '^--[^=]*=' '' $cur)
    for line in (command $words[1] @VERB@ $words[2..-1] "$cur" 2>/dev/null)
        switch $line
            case ':none'
            case ':dirs'
                for dir in (__fish_complete_directories "$path" '')
                    echo "$lead$dir"
                end
            case ':files*'
                set -l exts (string split ' ' -- $line)[2..-1]
                set -l pattern
                set -q exts[1]; and set pattern (string join '|' -- (string escape --style=regex -- $exts))
                for file in (__fish_complete_path "$path")
                    string match -qr -- "(/|$pattern)(\t.*)?\$" $file; and echo "$lead$file"
                end
            case '*'
                echo $line
        end
    end
end

complete -c @NAME@ -f -a '(_@FUNC@_complete)'
