/* Tools that have no business on a server. */
rule reverse_shell_script {
  meta:
    finding = "malicious-tool"
    scope = "any"
    severity = "high"
    confidence = "medium"
    reason = "A script that opens a shell over the network"
  strings:
    $script = "#!"
    $a = /(ba)?sh\s+-i\s*[<>&|0-9 ]{0,12}\s*\/dev\/(tcp|udp)\//
    $b = /socket\.socket\([^\n]{0,200}\n?[^\n]{0,200}connect\([^\n]{0,200}\n?[^\n]{0,200}dup2\(/
  condition:
    $script at 0 and filesize < 256KB and any of ($a, $b)
}

rule process_hider_library {
  meta:
    finding = "malicious-tool"
    scope = "any"
    severity = "high"
    confidence = "medium"
    reason = "A library that hides processes or files from the programs that load it"
  strings:
    $a = "process_to_filter"
    $b = "/proc/self/fd/%d"
    $c = "readdir64"
    $d = "dlsym"
    $e = "get_process_name"
  condition:
    uint32(0) == 0x464C457F and filesize < 2MB and (($a and $c) or ($b and $c and $d and $e))
}
