" Opens a Dockerfile that was built before: each step's forecast is among ALE's findings, and follows an edit that is not
" saved; hover and completion are there. Says `passed` when all holds.

function! Say(text) abort
  call writefile([a:text], '/dev/stderr', 'a')
endfunction

function! Notes() abort
  return map(copy(ale#engine#GetLoclist(bufnr('Dockerfile'))), {_, found -> [found.lnum, found.text]})
endfunction

" Waits until a function says yes.
function! Expect(what, holds) abort
  for l:_ in range(1200)
    if a:holds()
      call Say('ok: ' . a:what)
      return
    endif
    sleep 50m
  endfor
  call Say('FAILED: ' . a:what . "\n" . join(map(Notes(), 'string(v:val)'), "\n"))
  cquit 1
endfunction

function! Says(line, pattern) abort
  return !empty(filter(Notes(), {_, note -> note[0] == a:line && note[1] =~# a:pattern}))
endfunction

" Whether steps before line `border` say `above`, and the others `below`.
function! All(above, border, below) abort
  for l:line in range(1, line('$'))
    if getline(l:line) =~# '^\(COPY\|RUN\|WORKDIR\) ' && !Says(l:line, l:line < a:border ? a:above : a:below)
      return 0
    endif
  endfor
  return 1
endfunction

" Replaces a line, as typing does.
function! Edit(line, text) abort
  call setline(a:line, a:text)
  doautocmd TextChanged
endfunction

" Whether a completion at the cursor begins so. ALE takes results only while somebody types, as it is told here.
function! Completes(start) abort
  if !exists('s:found')
    let s:found = []
    function! ale#util#Mode(...) abort
      return 'i'
    endfunction
    call ale#completion#GetCompletions('ale-callback', {'callback': {items -> extend(s:found, items)}})
  endif
  return !empty(filter(copy(s:found), {_, item -> stridx(item.word, a:start) == 0}))
endfunction

let s:line = search('^RUN mkdir', 'w')
let s:text = getline(s:line)
call Expect('each step is cached', {-> All('cached', 1000, '')})

call Edit(s:line, s:text . ' /blog/drafts')
call Expect('the edited step and those below rerun, unsaved', {-> All('cached', s:line, 'reruns\|runs')})
call Expect('the file is not saved', {-> &modified})
call Edit(s:line, s:text)
call Expect('undone, all are cached again', {-> All('cached', 1000, '')})

call cursor(s:line, 2)
ALEHover
call Expect('hover tells the forecast and what RUN is', {-> join(getbufline(bufnr('ALEPreviewWindow'), 1, '$')) =~# 'next build.*RUN'})
pclose

" ALE asks for words of letters only, not for flags.
call Edit(s:line, 'WORKD')
call cursor(s:line, 5)
call Expect('completion knows the instructions', function('Completes', ['WORKDIR']))

call Edit(s:line, 'run' . s:text[3:])
call Expect('a finding has a diagnostic', {-> Says(s:line, 'should match the case')})
call Edit(s:line, s:text)
call Expect('and all is as before', {-> All('cached', 1000, '')})
call Say('passed')
qall!
