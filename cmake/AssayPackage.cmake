# assay_require_package(NAME VERSION REASON)
#
# Stops the configuration when the Debian package NAME is older than VERSION. For fixes that a
# library's own version number does not show. Says nothing on systems without dpkg.
function(assay_require_package name version reason)
  find_program(ASSAY_DPKG dpkg)
  find_program(ASSAY_DPKG_QUERY dpkg-query)
  mark_as_advanced(ASSAY_DPKG ASSAY_DPKG_QUERY)
  if(NOT ASSAY_DPKG OR NOT ASSAY_DPKG_QUERY OR CMAKE_CROSSCOMPILING)
    return()
  endif()
  execute_process(COMMAND ${ASSAY_DPKG_QUERY} -W -f "\${Version}" ${name}
    OUTPUT_VARIABLE installed RESULT_VARIABLE failed ERROR_QUIET)
  if(failed)
    return()
  endif()
  execute_process(COMMAND ${ASSAY_DPKG} --compare-versions ${installed} ge ${version}
    RESULT_VARIABLE older)
  if(older)
    message(FATAL_ERROR
      "${name} ${installed} is too old: Assay needs ${version} or later (${reason}). "
      "Run: apt-get update && apt-get install ${name}")
  endif()
endfunction()
