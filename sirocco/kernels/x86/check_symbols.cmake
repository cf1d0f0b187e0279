# A tier's object may define nothing but its one function and may need nothing but what compilers call by themselves.
# A weak symbol could be merged with the same one from code that runs on every CPU; a call of libm would give the bits of
# whichever libm is there. Sanitizers add symbols of their own.
execute_process(COMMAND "${NM}" -C ${OBJECTS} OUTPUT_VARIABLE listing RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${NM} failed on ${OBJECTS}")
endif()
string(REGEX MATCHALL "[^\n]+" lines "${listing}")
set(found FALSE)
set(wrong "")
foreach(line IN LISTS lines)
  if(line MATCHES " T sirocco::${FUNCTION}\\(\\)$")
    set(found TRUE)
  elseif(line MATCHES " [a-z] " AND NOT line MATCHES " [uvw] ")
    # Local.
  elseif(line MATCHES " U (memcpy|memset|memmove|_GLOBAL_OFFSET_TABLE_)$")
    # Called by compilers.
  elseif(line MATCHES " (__asan|__ubsan|__tsan|__sanitizer|__odr_asan|___asan|_GLOBAL__|asan\\.|tsan\\.)")
    # A sanitizer's.
  else()
    list(APPEND wrong "${line}")
  endif()
endforeach()
if(NOT found)
  message(FATAL_ERROR "sirocco::${FUNCTION}() is not defined in ${OBJECTS}")
endif()
if(wrong)
  list(JOIN wrong "\n" wrong)
  message(FATAL_ERROR "symbols that a tier must not have, in ${OBJECTS}:\n${wrong}")
endif()
